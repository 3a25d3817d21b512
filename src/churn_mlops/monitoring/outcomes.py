"""How each batch turned out, kept once no row can change it any more.

artifacts/monitoring/outcomes/DATE_VERSION.parquet holds risk, label and contact of the batch's
users. So a batch is graded once, not on every day after, and what happened to it outlives the
tables that it was read from.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from churn_mlops.errors import ContractError
from churn_mlops.files import replacing
from churn_mlops.inference.kept import Kept
from churn_mlops.monitoring.realised import Labels, Outcome
from churn_mlops.params import Params, Value

_FACTS = b"outcome"
_SCHEMA = pa.schema(
    [("churn_risk", pa.float64()), ("churn_label", pa.int8()), ("contacted", pa.bool_())]
)


@dataclass(frozen=True)
class Grade:
    """What a batch came to.

    Parameters
    ----------
    users, unlabelled : int
        With and without a label.
    metrics : dict of str to float or None
        As `Outcome.metrics` gives them.
    """

    users: int
    unlabelled: int
    metrics: dict[str, float | None]


class Outcomes:
    """Outcomes of kept batches, from their files or, until they are settled, from labels_daily.

    Parameters
    ----------
    labels : Labels
    params : Params
    last_day : date
        The last complete day of the data.
    """

    def __init__(self, labels: Labels, params: Params, last_day: date) -> None:
        self._labels, self._params = labels, params
        settled = params.churn.window_days + params.data.late_days
        self._settled_until = last_day - timedelta(days=settled)
        self._mature_until = last_day - timedelta(days=params.churn.window_days)

    def of(self, one: Kept) -> Outcome | None:
        """The outcome of a batch; None while its labels are not there."""
        path = self._path(one)
        if _is_current(path, one):
            return _read(path)
        if one.day > self._mature_until:
            return None
        batch = one.read()
        if not self._labels.are_there(batch):
            return None
        outcome = self._labels.of(batch)
        if one.day <= self._settled_until:
            _write(path, outcome, self._params.scoring.value)
        return outcome

    def grade(self, one: Kept) -> Grade | None:
        """What a batch came to; None while its labels are not there."""
        value, path = self._params.scoring.value, self._path(one)
        if _is_current(path, one):
            facts = _facts(path)
            if facts["value"] == _plain(value):
                return Grade(facts["users"], facts["unlabelled"], facts["metrics"])
        outcome = self.of(one)
        if outcome is None:
            return None
        return Grade(len(outcome), outcome.unlabelled, outcome.metrics(value))

    def _path(self, one: Kept) -> Path:
        return outcomes_folder(self._params) / one.path.name


def outcomes_folder(params: Params) -> Path:
    """Where the outcomes lie."""
    return Path(params.paths.artifacts) / "monitoring" / "outcomes"


def _is_current(path: Path, one: Kept) -> bool:
    """Whether the outcome is there and the batch was not scored anew since."""
    try:
        return path.stat().st_mtime_ns >= one.path.stat().st_mtime_ns
    except FileNotFoundError:
        return False


def _plain(value: Value | None) -> dict[str, Any] | None:
    return None if value is None else value.model_dump(mode="json")


def _write(path: Path, outcome: Outcome, value: Value | None) -> None:
    import pyarrow.parquet as pq

    facts = {
        "users": len(outcome),
        "unlabelled": outcome.unlabelled,
        "value": _plain(value),
        "metrics": outcome.metrics(value),
    }
    columns = [outcome.risks, outcome.labels.astype(np.int8), outcome.contacted]
    table = pa.table(columns, schema=_SCHEMA.with_metadata({_FACTS: json.dumps(facts).encode()}))
    with replacing(path) as beside:
        pq.write_table(table, beside, compression="zstd")


def _facts(path: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
        facts: dict[str, Any] = json.loads(metadata[_FACTS])
        if not {"users", "unlabelled", "value", "metrics"} <= facts.keys():
            raise ValueError("it does not say what the batch came to")
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise _damaged(path, error) from error
    return facts


def _read(path: Path) -> Outcome:
    import pyarrow.parquet as pq

    facts = _facts(path)
    try:
        table = pq.read_table(path).select(_SCHEMA.names).cast(_SCHEMA)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise _damaged(path, error) from error
    return Outcome(
        table["churn_risk"].to_numpy(),
        table["churn_label"].to_numpy(),
        table["contacted"].to_numpy(),
        int(facts["unlabelled"]),
    )


def _damaged(path: Path, error: Exception) -> ContractError:
    return ContractError(
        f"{path} is no outcome: {error}",
        fix="remove it; while the day is in the data, it is made again",
    )
