"""The pipeline's parameters: keys of params.yaml that are most often set, and one for the others.

A step gets them as overrides (``CHURN__SECTION__KEY``), which the model's lineage records.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from churn_mlops.errors import ParamsError
from churn_mlops.params.load import PREFIX

KEYS = (
    "data.source",
    "data.start_date",
    "data.end_date",
    "data.synthetic.users",
    "data.synthetic.days",
    "data.synthetic.seed",
    "data.files.users",
    "data.files.events",
    "data.sql.users",
    "data.sql.events",
    "churn.window_days",
    "training.test_size",
    "training.seed",
    "promotion.mode",
    "scoring.top_k",
    "tracking.uri",
)
OVERRIDES = "overrides"


def name_of(key: str) -> str:
    """The pipeline's parameter for a key: ``training_seed`` for ``training.seed``."""
    return key.replace(".", "_")


def environment(given: Mapping[str, Any]) -> dict[str, str]:
    """The overrides that a step's parameters are.

    Parameters
    ----------
    given : mapping
        The parameters by name; an empty text leaves what params.yaml says. `OVERRIDES` holds
        further values by their key, such as ``{"promotion.min_rows": 50}``, and wins.

    Raises
    ------
    ParamsError
        A name is none of the pipeline's parameters.
    """
    keys = {name_of(key): key for key in KEYS}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name == OVERRIDES:
            continue
        if name not in keys:
            raise ParamsError(
                f"the step was given '{name}', which is no parameter of the pipeline",
                fix="compile the pipeline from the project that the image was built from",
            )
        if value not in ("", None):
            values[keys[name]] = value
    values |= given.get(OVERRIDES) or {}
    return {_variable(key): json.dumps(_whole(value)) for key, value in values.items()}


def _variable(key: str) -> str:
    return PREFIX + key.upper().replace(".", "__")


def _whole(value: Any) -> Any:
    """Kubeflow passes every number as a float."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _whole(below) for name, below in value.items()}
    return [_whole(below) for below in value] if isinstance(value, list) else value
