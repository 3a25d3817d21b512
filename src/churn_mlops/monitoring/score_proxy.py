"""What can be said of the latest risks on the day itself: how they are distributed, and if anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from churn_mlops.files import write_json
from churn_mlops.inference.decision import CONTACT
from churn_mlops.inference.kept import Batch, Kept, keep_latest, kept
from churn_mlops.monitoring.psi import psi
from churn_mlops.params import Params
from churn_mlops.params.monitoring import DriftCheck
from churn_mlops.summary import Summary

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS, RESAMPLES = 10, 2_000
DECIMALS = 6


def run(params: Params) -> Summary:
    """Describe the latest batch's risks and compare them with the batches before it.

    Raises
    ------
    ContractError
        Nothing has been scored, or the file is not what batch_score writes.
    NotEnoughDataError
        The latest batch has no users.
    """
    latest = keep_latest(params)
    before = batches_before(latest, kept(params), params.monitoring.score_proxy.batches)
    body = describe(latest.read(), [one.read() for one in before], params)
    path = Path(params.paths.artifacts) / "monitoring" / "score_proxy_latest.json"
    write_json(path, body)
    shown = ("as_of_date", "status", "risk_mean", "high_risk_share", "risk_psi")
    return Summary(
        "score_proxy",
        {"users": body["users"], "contacts": body["contacts"]},
        [path],
        {name: body[name] for name in shown},
    )


def batches_before(latest: Kept, found: Sequence[Kept], count: int) -> list[Kept]:
    """The last `count` batches of the same model before the latest one's day."""
    same = [one for one in found if one.version == latest.version and one.day < latest.day]
    return same[-count:]


def describe(batch: Batch, before: Sequence[Batch], params: Params) -> dict[str, Any]:
    """The content of score_proxy_latest.json."""
    high_risk = params.monitoring.score_proxy.high_risk
    quantiles = np.quantile(batch.risks, QUANTILES)
    moved, chance = shift(batch.risks, [one.risks for one in before], params.monitoring.drift)
    return {
        "as_of_date": batch.day.isoformat(),
        "model_version": batch.version,
        "users": len(batch),
        "risk_mean": round(float(batch.risks.mean()), DECIMALS),
        "risk_quantiles": {
            str(q): round(float(value), DECIMALS)
            for q, value in zip(QUANTILES, quantiles, strict=True)
        },
        "high_risk": high_risk,
        "high_risk_share": round(float(np.mean(batch.risks >= high_risk)), DECIMALS),
        "contacts": int(np.sum(batch.decisions == CONTACT)),
        "compared_with": [one.day.isoformat() for one in before],
        "risk_psi": moved,
        "risk_chance_psi": chance,
        "status": status(moved, chance, params.monitoring.drift),
    }


def shift(
    risks: np.ndarray, before: Sequence[np.ndarray], drift: DriftCheck
) -> tuple[float | None, float | None]:
    """PSI of risks against those of earlier batches, and the PSI that chance may give.

    The bins are quantiles of the earlier risks, open at both ends. Batches of neighbouring days
    hold the same users, so all of them together tell no more than one: chance is two samples, of
    this batch's and of an earlier batch's size, from the earlier distribution; the bound is what
    only ``false_alarm_rate`` of such pairs exceed. None without earlier batches.
    """
    if not before:
        return None, None
    earlier = np.concatenate(before)
    edges = np.unique(np.quantile(earlier, np.linspace(0, 1, BINS + 1)[1:-1]))
    count = len(edges) + 1
    was, now = (
        np.bincount(np.searchsorted(edges, values, side="right"), minlength=count)
        for values in (earlier, risks)
    )
    rng = np.random.default_rng(0)
    shares = was / was.sum()
    size = len(earlier) // len(before)
    pairs = (rng.multinomial(n, shares, RESAMPLES) for n in (size, len(risks)))
    by_chance = [psi(a, b) for a, b in zip(*pairs, strict=True)]
    limit = float(np.quantile(by_chance, 1 - drift.false_alarm_rate))
    return round(psi(was, now), DECIMALS), round(limit, DECIMALS)


def status(moved: float | None, chance: float | None, drift: DriftCheck) -> str:
    """OK, WARN or FAIL: moved further than chance allows, and far enough to matter."""
    if moved is None or chance is None or moved <= chance or moved < drift.warn_psi:
        return "OK"
    return "FAIL" if moved >= drift.fail_psi else "WARN"
