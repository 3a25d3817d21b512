"""What dvc.yaml says of the stages: the steps of the Kubeflow pipeline are made from it.

Names of artifacts are those of the files without folder of the root, slashes and format, such as
``processed_users_clean``: they are the same in every format of tables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from churn_mlops.errors import ParamsError

DATASET, MODEL, METRICS, ARTIFACT = "Dataset", "Model", "Metrics", "Artifact"
GATE = "promote_model"
# The gate's answer, as the pipeline's condition reads it: its decision, or that there is no model
# to score with. In conditions a local run of Kubeflow's finds results of this name only.
DECISION = "Output"
NO_CHAMPION = "no_champion"
_VARIABLE = re.compile(r"\$\{([a-z_.]+)\}")
_BUNDLES = ("${paths.artifacts}/models/", "${paths.artifacts}/production")


@dataclass(frozen=True)
class Output:
    """A file or folder that a stage makes.

    Parameters
    ----------
    name : str
        Of the artifact.
    path : str
        In the workspace.
    kind : str
        Of the artifact: ``Dataset``, ``Model``, ``Metrics`` or ``Artifact``.
    persists : bool
        It outlives the runs that do not make it anew.
    """

    name: str
    path: str
    kind: str
    persists: bool = False


@dataclass(frozen=True)
class Stage:
    """A stage.

    Parameters
    ----------
    name, desc, command : str
    inputs : tuple of (str, Output)
        What it takes from other stages, each with the stage's name.
    outputs : tuple of Output
        With its metrics.
    params : tuple of str
        The parameters that decide what it makes, such as ``training`` or ``churn.window_days``.
    """

    name: str
    desc: str
    command: str
    inputs: tuple[tuple[str, Output], ...]
    outputs: tuple[Output, ...]
    params: tuple[str, ...]

    def depends_on(self, key: str) -> bool:
        """Whether a parameter, such as ``training.seed``, is one of those."""
        return any(key == known or key.startswith(f"{known}.") for known in self.params)


def read_stages(text: str, tree: Mapping[str, Any]) -> list[Stage]:
    """The stages, each after those that it takes something from.

    Parameters
    ----------
    text : str
        Of dvc.yaml.
    tree : mapping
        The parameters, for the variables in it.

    Raises
    ------
    ParamsError
        A variable is no parameter, or a stage takes what only a later one makes.
    """
    entries = yaml.safe_load(text)["stages"]
    made = {name: _outputs(entry, tree) for name, entry in entries.items()}
    found: list[Stage] = []
    for name, entry in entries.items():
        before = [(stage.name, out) for stage in found for out in stage.outputs]
        inputs: dict[str, tuple[str, Output]] = {}
        for dep in (one for one in entry["deps"] if one.startswith("${")):
            maker = _maker(_resolved(dep, tree), before)
            if maker is None:
                raise ParamsError(
                    f"dvc.yaml: {name} takes {dep}, which no stage before it makes",
                    fix="write the stage that makes it above",
                )
            inputs[maker[1].name] = maker
        words = name, entry["desc"], entry["cmd"]
        params = tuple(entry.get("params", ()))
        found.append(Stage(*words, tuple(inputs.values()), made[name], params))
    return found


def _outputs(entry: Mapping[str, Any], tree: Mapping[str, Any]) -> tuple[Output, ...]:
    found = []
    for section in ("outs", "metrics"):
        for one in entry.get(section, ()):
            (path, options) = next(iter(one.items())) if isinstance(one, dict) else (one, {})
            kind = METRICS if section == "metrics" else _kind(path)
            persists = bool(options.get("persist"))
            found.append(Output(_name(path), _resolved(path, tree), kind, persists))
    return tuple(found)


def _kind(path: str) -> str:
    if path.startswith(_BUNDLES):
        return MODEL
    return DATASET if path.startswith("${paths.data}/") else ARTIFACT


def _name(path: str) -> str:
    below = path.split("}/", 1)[1]
    return re.sub(r"\.(\$\{tables\.format\}|\w+)$", "", below).replace("/", "_")


def _maker(path: str, made: list[tuple[str, Output]]) -> tuple[str, Output] | None:
    """Who makes a file: it may lie in a folder that is made."""
    return next((one for one in made if f"{path}/".startswith(f"{one[1].path}/")), None)


def _resolved(path: str, tree: Mapping[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        found: Any = tree
        for part in match[1].split("."):
            if not isinstance(found, Mapping) or part not in found:
                raise ParamsError(f"dvc.yaml names {match[0]}, which is no parameter")
            found = found[part]
        return str(found)

    return _VARIABLE.sub(value, path)
