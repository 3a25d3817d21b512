"""The first evidence about labels, after one day: does activity follow the risk?

Whom the champion gave a high risk yesterday should be absent today more often than others. The
ROC-AUC of yesterday's risks against "no active day today" differs little from day to day, and
people who change their habits leave it well above 0.5. When the feed mixes up its user ids, rows
and activity belong to different people and it falls to 0.5 at once, although no column moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist
from typing import Any

import ibis
import numpy as np
import pyarrow as pa

from churn_mlops.engine import Engine
from churn_mlops.files import read_json
from churn_mlops.inference.kept import Batch, Kept, folder
from churn_mlops.monitoring.findings import FOLLOWS, Finding
from churn_mlops.monitoring.reports import reports
from churn_mlops.params import Params
from churn_mlops.registry.bundle import Bundle
from churn_mlops.tables import contracts, exists, scan

USUAL_DAYS, FEWEST_DAYS = 28, 5
# Days without a list or a check may lie among the usual ones.
MOST_FILES = 60
FEWEST_USERS = 20
LOST = 0.5
AT_RANDOM = 0.5


@dataclass(frozen=True)
class Early:
    """How well a day's risks told who would be away on the next one.

    Parameters
    ----------
    day : date
        Of the risks.
    users : int
    roc_auc : float
        Of the risk against "no active day" on the next day.
    error : float
        Its standard error.
    usual : float or None
        Median of the days before; None while there are fewer than `FEWEST_DAYS`.
    spread : float
        Standard deviation of the days before.
    """

    day: date
    users: int
    roc_auc: float
    error: float
    usual: float | None = None
    spread: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The evidence as the drift report holds it."""
        usual = None if self.usual is None else round(self.usual, 6)
        return {
            "as_of_date": self.day.isoformat(),
            "users": self.users,
            "roc_auc": round(self.roc_auc, 6),
            "error": round(self.error, 6),
            "usual": usual,
            "spread": round(self.spread, 6),
        }

    def finding(self, false_alarm_rate: float) -> Finding | None:
        """CHN406, when more than half of the usual distance from 0.5 is lost, beyond chance.

        Chance is what so few users leave open and what the days before differed among themselves.

        Parameters
        ----------
        false_alarm_rate : float
            Share of days on which chance alone may reach the bound.
        """
        if self.usual is None or self.usual <= AT_RANDOM:
            return None
        bound = self.usual - NormalDist().inv_cdf(1 - false_alarm_rate) * np.hypot(
            self.error, self.spread
        )
        half = AT_RANDOM + (1 - LOST) * (self.usual - AT_RANDOM)
        if self.roc_auc >= min(half, bound):
            return None
        text = (
            f"activity does not follow the risk: the ROC-AUC of the risks of {self.day} against who"
            f" was away the day after is {self.roc_auc:.2f}, usually {self.usual:.2f}: are user ids"
            " mixed up?"
        )
        return Finding(FOLLOWS, "FAIL", None, text, True)


def early(
    con: Engine, bundle: Bundle, day: date, bad: frozenset[date], params: Params
) -> Early | None:
    """Look at the list of the day before; None when there is none that could tell.

    Parameters
    ----------
    con : Engine
    bundle : Bundle
        The champion, whose list it must be.
    day : date
        The day whose activity is known.
    bad : frozenset of date
        Days that are not among the usual ones.
    params : Params

    Raises
    ------
    ContractError
        A kept list or an earlier report is damaged.
    """
    before = day - timedelta(days=1)
    path = folder(params) / f"{before}_{bundle.version}.parquet"
    table = contracts.user_daily(params)
    if before <= bundle.meta.window.test_last_day or not path.exists():
        return None
    if not exists(table, params):
        return None
    batch = Kept(before, bundle.version, path).read()
    rows = scan(con, table, params, since=day)
    found = rows.filter(rows.as_of_date == ibis.literal(day)).select("user_id", "is_active_day")
    risks, away = matched(batch, found.to_pyarrow())
    usual = usual_values(params, bundle.version, day, bad)
    return judged(before, risks, away, usual)


def matched(batch: Batch, activity: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Risks of the users of a list whose activity is known, and whether they were away.

    Parameters
    ----------
    batch : Batch
    activity : pyarrow Table
        ``user_id`` and ``is_active_day``, each user once.
    """
    known, places = batch.found_in(activity["user_id"].combine_chunks(), "user_daily")
    active = activity["is_active_day"].combine_chunks().take(places).to_numpy()
    return batch.risks[known], active == 0


def judged(day: date, risks: np.ndarray, away: np.ndarray, usual: Sequence[float]) -> Early | None:
    """The evidence of a day; None when too few users were away or there.

    Parameters
    ----------
    day : date
    risks : array of float, shape (n,)
    away : array of bool, shape (n,)
    usual : sequence of float
        The ROC-AUC of the days before.
    """
    if min(int(away.sum()), int((~away).sum())) < FEWEST_USERS:
        return None
    area, error = roc_auc(risks, away)
    if len(usual) < FEWEST_DAYS:
        return Early(day, len(risks), area, error)
    return Early(
        day, len(risks), area, error, float(np.median(usual)), float(np.std(usual, ddof=1))
    )


def roc_auc(risks: np.ndarray, left: np.ndarray) -> tuple[float, float]:
    """ROC-AUC and its standard error.

    DeLong, DeLong & Clarke-Pearson 1988 (Biometrics 44, section 2), from ranks as in Sun & Xu 2014
    (IEEE Signal Processing Letters 21, section III).

    Parameters
    ----------
    risks : array of float, shape (n,)
    left : array of bool, shape (n,)
        At least two of either.
    """
    from scipy.stats import rankdata

    positive, negative = risks[left], risks[~left]
    m, n = len(positive), len(negative)
    ranks = rankdata(np.concatenate([positive, negative]))
    above = (ranks[:m] - rankdata(positive)) / n
    below = 1 - (ranks[m:] - rankdata(negative)) / m
    variance = above.var(ddof=1) / m + below.var(ddof=1) / n
    return float(above.mean()), float(np.sqrt(variance))


def usual_values(params: Params, version: str, day: date, bad: frozenset[date]) -> list[float]:
    """What earlier drift reports say of the same champion, of the last `USUAL_DAYS` sound days."""
    found = []
    for path in reports(params, day - timedelta(days=1))[-MOST_FILES:]:
        fix = f"check its day again: `churn drift-check --as-of-date {path.stem}`"
        value = read_json(path, lambda body: _usual(body, version, bad), fix)
        if value is not None:
            found.append(value)
    return found[-USUAL_DAYS:]


def _usual(body: Any, version: str, bad: frozenset[date]) -> float | None:
    """What a report says of the champion on a sound day."""
    said = body.get("early") if body["model_version"] == version else None
    numbers = [one["check"] for one in (*body["findings"], *body["muted"])]
    sound = FOLLOWS not in numbers and date.fromisoformat(body["as_of_date"]) not in bad
    return float(said["roc_auc"]) if said is not None and sound else None
