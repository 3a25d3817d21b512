"""Reads `params.yaml`, lays `CHURN__SECTION__KEY` overrides over it, and explains mistakes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from churn_mlops.errors import ParamsError
from churn_mlops.params.rules import Finding, findings, nearest
from churn_mlops.params.tree import Params

PREFIX = "CHURN__"
# MLflow's own variables, which its users expect to win: variable -> key below `tracking`.
MLFLOW = {"MLFLOW_TRACKING_URI": "uri", "MLFLOW_EXPERIMENT_NAME": "experiment"}


def load(path: str | Path = "params.yaml", environment: Mapping[str, str] | None = None) -> Params:
    """Read the parameters.

    Parameters
    ----------
    path : str or Path
        A YAML file; it may be empty.
    environment : mapping of str to str, optional
        Where overrides come from, by default the process's environment. An override is named
        ``CHURN__`` and the key's path with ``__`` between the parts, in any case:
        ``CHURN__TRAINING__TEST_SIZE=0.3``. Its value is YAML; that of a secret may be plain text.

    Raises
    ------
    ParamsError
        The file is missing or no YAML, a key is unknown, a value has the wrong type or is
        impossible. All mistakes are named at once, each with the path of its key.
    """
    tree = _read(Path(path))
    for name, value in sorted((os.environ if environment is None else environment).items()):
        if name.upper().startswith(PREFIX):
            _override(tree, name, value)
        elif name in MLFLOW and value:
            _override(tree, f"{PREFIX}tracking__{MLFLOW[name]}", json.dumps(value))
    try:
        params = Params.model_validate(_tuples(tree))
    except ValidationError as error:
        mistakes: list[Finding] = list(_explain(error))
    else:
        mistakes = list(findings(params))
        if not mistakes:
            return params
    lines = "\n".join(f"  {key}: {text}" for key, text in mistakes)
    count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    raise ParamsError(
        f"{path} (with its {PREFIX}* overrides) has {count}:\n{lines}",
        fix="correct the keys named above; docs/params.md lists every key with its default",
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ParamsError(
            f"there is no {path} in {Path.cwd()}",
            fix="run in the project's directory or give --params FILE",
        ) from error
    except (yaml.YAMLError, ValueError, OSError) as error:
        raise ParamsError(f"{path} cannot be read as YAML: {_unreadable(error)}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ParamsError(
            f"{path} must hold sections such as 'churn:', not a {type(tree).__name__}"
        )
    return tree


def _override(tree: dict[str, Any], name: str, value: str) -> None:
    where = tuple(name[len(PREFIX) :].lower().split("__"))
    *sections, key = where
    for section in sections:
        below = tree.setdefault(section, {})
        if not isinstance(below, dict):
            raise ParamsError(f"{name}: '{section}' is a value, not a section")
        tree = below
    if _is_secret(_annotation(where)) and not value.lstrip().startswith("["):
        # YAML would make a number of a key that has digits only.
        tree[key] = value
        return
    try:
        tree[key] = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError) as error:
        raise ParamsError(f"{name} is not valid YAML: {_unreadable(error)}") from None


def _unreadable(error: Exception) -> str:
    """What is wrong and where, without the lines around it: they may hold a secret."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return str(error)
    mark = error.problem_mark
    return f"{error.problem} in line {mark.line + 1}, column {mark.column + 1}"


def _tuples(value: Any) -> Any:
    """Turn YAML's lists into the tuples that a frozen tree holds."""
    if isinstance(value, dict):
        return {key: _tuples(below) for key, below in value.items()}
    return tuple(_tuples(below) for below in value) if isinstance(value, list) else value


def _explain(error: ValidationError) -> Iterator[Finding]:
    for mistake in error.errors():
        where = mistake["loc"]
        path = ".".join(str(part) for part in where)
        if mistake["type"] == "extra_forbidden":
            valid = _keys(where[:-1])
            text = f"unknown key{nearest(str(where[-1]), valid)}"
            yield path, f"{text} (valid here: {', '.join(valid)})"
        elif mistake["type"] == "value_error":
            yield path, str(mistake["ctx"]["error"])
        else:
            text = mistake["msg"][0].lower() + mistake["msg"][1:]
            hidden = _holds_secret(_annotation(where))
            yield path, text if hidden else f"{text}, not {_shown(mistake['input'])}"


def _shown(value: object) -> str:
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _keys(where: tuple[int | str, ...]) -> list[str]:
    """Return the valid keys of the section that lies at a path of the tree."""
    model = _model(_annotation(where))
    return [] if model is None else sorted(model.model_fields)


def _annotation(where: tuple[int | str, ...]) -> Any:
    """Return the type of what lies at a path of the tree."""
    found: Any = Params
    for part in where:
        model = _model(found)
        # An index or a free name, as in dict[str, Section], leads to no other section.
        if model is not None and part in model.model_fields:
            found = model.model_fields[str(part)].annotation
    return found


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))


def _holds_secret(annotation: Any) -> bool:
    """Whether this is a secret or a section with one somewhere below."""
    model = _model(annotation)
    below = model.model_fields.values() if model else ()
    return _is_secret(annotation) or any(_holds_secret(field.annotation) for field in below)


def _model(annotation: Any) -> type[BaseModel] | None:
    """Find the section within an annotation such as ``dict[str, Section]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType, dict, tuple):
        for part in get_args(annotation):
            found = _model(part)
            if found is not None:
                return found
    return None
