"""What Kubeflow tells a step, and where it wants to be answered: the placeholder ``{{$}}``.

Artifacts that lie in a bucket are brought to, and taken from, a folder of the container named after
the bucket's scheme; a local run names the files themselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churn_mlops.errors import SourceError
from churn_mlops.files import write_json

FOLDERS = {"gs": "gcs", "minio": "minio", "s3": "s3"}


@dataclass(frozen=True)
class Given:
    """A step's message.

    Parameters
    ----------
    parameters : mapping
        By name.
    inputs, outputs : mapping of str to str
        URI by the artifact's name.
    parameter_files : mapping of str to Path
        Where the output parameters are to be written, by name.
    report : Path
        Where the step's report is to be written.
    """

    parameters: Mapping[str, Any]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    parameter_files: Mapping[str, Path]
    report: Path

    def answer(self, metadata: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the report: what is shown beside each artifact.

        Parameters
        ----------
        metadata : mapping
            By the artifact's name; a local run knows only of those that are named here.
        """
        made = {
            name: {"artifacts": [{"name": name, "uri": self.outputs[name], "metadata": dict(told)}]}
            for name, told in metadata.items()
        }
        self.report.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.report, {"artifacts": made})


def read_given(text: str) -> Given:
    """Read the message.

    Raises
    ------
    SourceError
        It is none.
    """
    try:
        body = json.loads(text)
        inputs, outputs = body.get("inputs", {}), body["outputs"]
        return Given(
            inputs.get("parameterValues", {}),
            _uris(inputs),
            _uris(outputs),
            {name: Path(p["outputFile"]) for name, p in outputs.get("parameters", {}).items()},
            Path(outputs["outputFile"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise SourceError(
            f"this is no message of Kubeflow to a step: {text[:60]!r}",
            fix="steps are run by the pipeline, with {{$}} as their argument: docs/kubeflow.md",
        ) from error


def local_path(uri: str) -> Path:
    """Where an artifact lies in the container."""
    scheme, separator, rest = uri.partition("://")
    return Path("/", FOLDERS.get(scheme, scheme), rest) if separator else Path(uri)


def _uris(side: Mapping[str, Any]) -> dict[str, str]:
    return {name: one["artifacts"][0]["uri"] for name, one in side.get("artifacts", {}).items()}
