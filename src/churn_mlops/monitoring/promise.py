"""Promises: what was said about a batch before its time had come, kept as it was said.

A promise is written once, to artifacts/monitoring/promises/DATE_VERSION.json, and never again, so
that no later knowledge can find its way into it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churn_mlops.errors import ContractError
from churn_mlops.files import write_json
from churn_mlops.inference.kept import Batch, Kept
from churn_mlops.monitoring.estimate import Estimate, estimate, rounded
from churn_mlops.monitoring.outlook import outlook
from churn_mlops.monitoring.past import Past
from churn_mlops.params import Params
from churn_mlops.registry.bundle import Bundle


@dataclass(frozen=True)
class Promise:
    """What was said of a batch.

    Parameters
    ----------
    estimated : mapping of str to Estimate
    floors : mapping of str to float
        Below them the metric alarms.
    confidence : float
        Of the intervals.
    learned : mapping
        What it was built on, and the expected level and tilt, for people.
    """

    estimated: Mapping[str, Estimate]
    floors: Mapping[str, float]
    confidence: float
    learned: Mapping[str, Any]


def promise(batch: Batch, bundle: Bundle, past: Past, params: Params) -> Promise:
    """Say how good a batch will turn out to be."""
    settings = params.monitoring.performance
    expected = outlook(past.evidence, batch.day.toordinal(), bundle.meta.label.window_days)
    level, tilt = expected.mean
    return Promise(
        estimate(batch, expected, past.centre, settings.confidence, params.scoring.value),
        floors(bundle.meta.metrics, settings.floor),
        settings.confidence,
        {
            "reference_days": past.reference_days,
            "batches": [day.isoformat() for day in past.batches],
            "level": rounded(level),
            "tilt": rounded(tilt),
        },
    )


def floors(tested: Mapping[str, float], share: float) -> dict[str, float]:
    """The least that metrics may fall to.

    Parameters
    ----------
    tested : mapping of str to float
        What the model reached on its test days.
    share : float
        ``monitoring.performance.floor``; of the ROC-AUC, of its distance from 0.5.
    """
    return {
        "pr_auc": round(share * tested["pr_auc"], 6),
        "roc_auc": round(0.5 + share * (tested["roc_auc"] - 0.5), 6),
    }


def promise_path(params: Params, kept: Kept) -> Path:
    """Where the promise about a batch lies."""
    folder = Path(params.paths.artifacts) / "monitoring" / "promises"
    return folder / f"{kept.day}_{kept.version}.json"


def write_promise(said: Promise, batch: Batch, path: Path) -> None:
    """Write a promise."""
    body = {
        "as_of_date": batch.day.isoformat(),
        "model_version": batch.version,
        "users": len(batch),
        "confidence": said.confidence,
        "estimated": {name: value.as_dict() for name, value in said.estimated.items()},
        "floors": dict(said.floors),
        "learned": dict(said.learned),
    }
    write_json(path, body)


def read_promise(path: Path) -> Promise | None:
    """Read a promise; None when none was made.

    Raises
    ------
    ContractError
        The file is damaged.
    """
    if not path.exists():
        return None
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        estimated = {name: Estimate(**value) for name, value in body["estimated"].items()}
        return Promise(estimated, body["floors"], float(body["confidence"]), body["learned"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ContractError(
            f"{path} is no promise: {error}",
            fix="bring it back from a backup; if it is removed, it is made anew from what was known"
            " on its day",
        ) from error
