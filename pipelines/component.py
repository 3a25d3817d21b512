"""A component of the pipeline, as Kubeflow reads it: what goes in, what comes out, what runs.

Written as the component's own format and not as decorated functions, because the inputs and outputs
are those of dvc.yaml, which nobody should write down twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from kfp import components
from kfp.dsl.base_component import BaseComponent

TYPES = {str: "STRING", int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE", dict: "STRUCT"}
FINAL_STATUS = {"parameterType": "TASK_FINAL_STATUS", "isOptional": True}


def parameter(kind: type) -> dict[str, Any]:
    """The specification of a parameter of a type."""
    return {"parameterType": TYPES[kind]}


def component(
    name: str,
    description: str,
    command: Iterable[str],
    image: str,
    *,
    parameters: Mapping[str, dict[str, Any]],
    inputs: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
    results: Mapping[str, dict[str, Any]] | None = None,
) -> BaseComponent:
    """Make a component whose container is told everything by ``{{$}}``.

    Parameters
    ----------
    name, description : str
    command : iterable of str
        What its container runs; ``{{$}}`` is added.
    image : str
    parameters, results : mapping
        Input and output parameters with their specification, see `parameter`.
    inputs, outputs : mapping of str to str
        Artifacts with their kind, such as ``Dataset``.
    """
    given = {"parameters": dict(parameters), "artifacts": _artifacts(inputs or {})}
    made = {"parameters": dict(results or {}), "artifacts": _artifacts(outputs or {})}
    container = {"image": image, "command": [*command, "{{$}}"]}
    task = {"componentRef": {"name": f"comp-{name}"}, "taskInfo": {"name": name}}
    body = {
        "pipelineInfo": {"name": name, "description": description},
        "schemaVersion": "2.1.0",
        "components": {
            f"comp-{name}": {
                "executorLabel": f"exec-{name}",
                "inputDefinitions": given,
                "outputDefinitions": made,
            }
        },
        "deploymentSpec": {"executors": {f"exec-{name}": {"container": container}}},
        "root": {"dag": {"tasks": {name: task}}, "inputDefinitions": given},
    }
    return components.load_component_from_text(yaml.safe_dump(body))


def _artifacts(kinds: Mapping[str, str]) -> dict[str, Any]:
    version = "0.0.1"
    return {
        name: {"artifactType": {"schemaTitle": f"system.{kind}", "schemaVersion": version}}
        for name, kind in kinds.items()
    }
