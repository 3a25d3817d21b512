"""The Kubeflow pipeline: a step for each stage of dvc.yaml, with the gate's answer as condition.

Usage: python pipelines/kfp_pipeline.py                 writes pipelines/churn_pipeline.yaml
       python pipelines/kfp_pipeline.py --image registry.example.com/churn-ml:0.2.0 --output FILE

Steps, artifacts and their edges come from dvc.yaml, defaults from params.yaml: compile anew after a
change of either. docs/kubeflow.md explains the pipeline.
"""

from __future__ import annotations

import argparse
import inspect
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from component import FINAL_STATUS, component, parameter
from kfp import compiler, dsl
from kfp.dsl.base_component import BaseComponent
from settings import BACKOFF, OF_CHANNELS, OF_SOURCE, OF_TRACKING, settle

from churn_mlops.kubeflow.dvc_stages import DECISION, GATE, NO_CHAMPION, Stage, read_stages
from churn_mlops.kubeflow.parameters import KEYS, OVERRIDES, name_of

ROOT = Path(__file__).resolve().parents[1]
NAME = "churn-pipeline"
# Those of k8s/: image and MLflow's service.
IMAGE = "registry.example.com/churn-ml:0.1.0"
TRACKING = "http://mlflow.churn-mlops:5000"


@cache
def stages() -> tuple[Stage, ...]:
    """The stages of this project."""
    return tuple(read_stages((ROOT / "dvc.yaml").read_text(encoding="utf-8"), _params()))


def defaults() -> dict[str, Any]:
    """The pipeline's parameters with their defaults: those of params.yaml, an empty text for null.

    Only a step's own disk would be a file's: the registry is the server of k8s/mlflow.
    """
    found: dict[str, Any] = {}
    for key in KEYS:
        value: Any = _params()
        for part in key.split("."):
            value = value[part]
        found[name_of(key)] = "" if value is None else value
    return {**found, name_of("tracking.uri"): TRACKING, OVERRIDES: {}}


def pipeline(image: str = IMAGE, backoff: str = BACKOFF) -> BaseComponent:
    """Make the pipeline.

    Parameters
    ----------
    image : str
        churn-ml, of the project that this is compiled from.
    backoff : str
        How long a step that failed waits for its next try, such as ``30s``; then twice as long.
    """
    known = defaults()

    def steps(*given: Any) -> None:
        values = dict(zip(known, given, strict=True))
        # Each placeholder by itself: in a cluster no text around one is looked into.
        told = _teller(image)(
            pipeline=NAME,
            run=dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
            run_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        )
        settle(told, OF_CHANNELS, backoff)
        told.set_caching_options(False)
        # Whoever configures no channel finds the message in the step's log.
        told.set_env_variable("CHURN__MONITORING__ALERT__LOG", "true")
        with dsl.ExitHandler(told, name="pipeline"):
            _body(image, backoff, values)

    steps.__name__ = NAME.replace("-", "_")
    steps.__doc__ = "From the event log to a ranked list; a model is used only through the gate."
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    steps.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(n, kind, default=v, annotation=type(v)) for n, v in known.items()]
    )
    return dsl.pipeline(name=NAME)(steps)


def _body(image: str, backoff: str, values: dict[str, Any]) -> None:
    """The steps up to the gate; those after it if there is a champion, else one that says why."""
    made: dict[str, dsl.PipelineTask] = {}

    def add(stage: Stage) -> None:
        inputs = {out.name: made[maker].outputs[out.name] for maker, out in stage.inputs}
        wanted = {name: values[name] for name in _parameters(stage)}
        made[stage.name] = task = _component(stage, image)(**inputs, **wanted)
        secrets = OF_SOURCE if stage.depends_on("data.source") else ()
        secrets += OF_TRACKING if stage.depends_on("tracking.uri") else ()
        settle(task, secrets, backoff)
        # The registry decides what the gate says, and it is none of the step's inputs.
        task.set_caching_options(stage.name != GATE)

    after = _after(GATE)
    for stage in stages():
        if stage.name not in after:
            add(stage)
    gate = made[GATE].outputs
    with dsl.If(gate[DECISION] != NO_CHAMPION, name="champion"):
        for stage in stages():
            if stage.name in after:
                add(stage)
    with dsl.Else(name="no-champion"):
        missing = _failing(image)(metrics_promotion=gate["metrics_promotion"])
        settle(missing, (), None)
        missing.set_caching_options(False)


def _after(name: str) -> set[str]:
    """The stages that take something from a stage, or from one that does."""
    found: set[str] = {name}
    for stage in stages():
        if any(maker in found for maker, _ in stage.inputs):
            found.add(stage.name)
    return found - {name}


def _parameters(stage: Stage) -> dict[str, dict[str, Any]]:
    """Those that decide what a stage makes, so that others do not make its cache useless."""
    known = defaults()
    names = [name_of(key) for key in KEYS if stage.depends_on(key)] + [OVERRIDES]
    return {name: parameter(type(known[name])) for name in names}


def _component(stage: Stage, image: str) -> BaseComponent:
    return component(
        stage.name.replace("_", "-"),
        stage.desc,
        ("churn", "step", "run", stage.name),
        image,
        parameters=_parameters(stage),
        inputs={out.name: out.kind for _, out in stage.inputs},
        outputs={out.name: out.kind for out in stage.outputs},
        results={DECISION: parameter(str)} if stage.name == GATE else None,
    )


def _failing(image: str) -> BaseComponent:
    command = ("churn", "step", "no-champion")
    text = "Fail, and say why there is no model to score with"
    kinds = {"metrics_promotion": "Metrics"}
    return component("no-champion", text, command, image, parameters={}, inputs=kinds)


def _teller(image: str) -> BaseComponent:
    names = ("pipeline", "run", "run_id")
    given = {"status": FINAL_STATUS, **dict.fromkeys(names, parameter(str))}
    command = ("churn", "step", "tell")
    return component("tell", "Tell people how the run ended", command, image, parameters=given)


@cache
def _params() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    return found


def main() -> None:
    """Compile."""
    parser = argparse.ArgumentParser(description="Compile the Kubeflow pipeline.")
    parser.add_argument("--image", default=IMAGE, help=f"of the steps, by default {IMAGE}")
    parser.add_argument("--output", default=str(ROOT / "pipelines/churn_pipeline.yaml"))
    given = parser.parse_args()
    compiler.Compiler().compile(pipeline(given.image), given.output)


if __name__ == "__main__":
    main()
