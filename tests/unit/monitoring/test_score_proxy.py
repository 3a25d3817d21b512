"""The latest risks described, and compared with those of the days before."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from churn_mlops.errors import ContractError
from churn_mlops.inference.kept import Batch, Kept, folder
from churn_mlops.monitoring import score_proxy
from churn_mlops.monitoring.score_proxy import batches_before, describe, shift, status
from churn_mlops.params import Params
from churn_mlops.params.monitoring import DriftCheck
from tests.watched import day, score, watched

DRIFT = DriftCheck()


def risks(seed: int, n: int = 2_000, flat: float = 3.0) -> np.ndarray:
    return np.random.default_rng(seed).beta(0.5, flat, n)


def batch(values: np.ndarray, n: int = 0) -> Batch:
    decisions = np.where(values >= 0.6, "contact", np.where(values >= 0.55, "hold_out", "none"))
    when = date(2025, 5, 1) + timedelta(days=n)
    return Batch(when, "abc", pa.array(range(len(values))), values, decisions, {})


def test_the_distribution_is_told() -> None:
    values = np.array([0.0, 0.2, 0.5, 0.6, 1.0])
    found = describe(batch(values), [], Params())
    assert found["risk_mean"] == pytest.approx(0.46)
    assert found["risk_quantiles"] == {
        "0.05": 0.04,
        "0.25": 0.2,
        "0.5": 0.5,
        "0.75": 0.6,
        "0.95": 0.92,
    }
    assert (found["high_risk"], found["high_risk_share"], found["contacts"]) == (0.5, 0.6, 2)
    assert (found["users"], found["model_version"]) == (5, "abc")
    assert (found["risk_psi"], found["compared_with"], found["status"]) == (None, [], "OK")


def test_the_same_kind_of_risks_has_not_moved() -> None:
    moved, chance = shift(risks(0), [risks(1), risks(2)], DRIFT)
    assert moved < chance < 0.05


@pytest.mark.parametrize(("flat", "expected"), [(3.0, "OK"), (1.8, "WARN"), (1.0, "FAIL")])
def test_other_risks_are_told_by_how_far_they_moved(flat: float, expected: str) -> None:
    before = [batch(risks(n), n) for n in range(3)]
    found = describe(batch(risks(9, flat=flat), 3), before, Params())
    assert found["status"] == expected
    assert found["compared_with"] == ["2025-05-01", "2025-05-02", "2025-05-03"]


@pytest.mark.slow
def test_few_users_do_not_alarm_by_chance() -> None:
    alarms = 0
    for seed in range(100):
        moved, chance = shift(risks(seed, 30), [risks(1_000 + seed, 30)], DRIFT)
        alarms += status(moved, chance, DRIFT) != "OK"
    assert alarms <= 5
    moved, _ = shift(risks(5, 30), [risks(6, 30)], DRIFT)
    assert moved > DRIFT.warn_psi, "without the bound this would alarm"


@pytest.mark.parametrize("count", [2, 7])
def test_all_earlier_batches_together_count_as_one(count: int) -> None:
    """They hold the same users, so more of them say no more about chance."""
    before = risks(0, 200)
    _, one = shift(risks(1, 200), [before], DRIFT)
    _, many = shift(risks(1, 200), [before] * count, DRIFT)
    assert one is not None
    assert many == pytest.approx(one, rel=0.1)


def test_chance_is_that_of_both_sizes() -> None:
    _, small = shift(risks(1, 200), [risks(0, 200)], DRIFT)
    _, larger = shift(risks(1, 200), [risks(0, 20_000)], DRIFT)
    _, now = shift(risks(1, 20_000), [risks(0, 200)], DRIFT)
    assert small is not None
    # Variances add up, 1/200 + 1/200 against 1/200 + 1/20,000.
    assert larger == pytest.approx(small / 2, rel=0.2)
    assert now == pytest.approx(small / 2, rel=0.2)


def test_risks_that_are_all_equal_have_bins() -> None:
    moved, _ = shift(np.full(50, 0.2), [np.full(50, 0.2)], DRIFT)
    assert moved == pytest.approx(0)
    assert shift(np.full(50, 0.1), [np.full(50, 0.2)], DRIFT)[0] > 1


@pytest.mark.parametrize(
    ("moved", "chance", "expected"),
    [
        (None, None, "OK"),
        (0.3, 0.4, "OK"),
        (0.09, 0.01, "OK"),
        (0.1, 0.01, "WARN"),
        (0.25, 0.01, "FAIL"),
    ],
)
def test_status(moved: float | None, chance: float | None, expected: str) -> None:
    assert status(moved, chance, DRIFT) == expected


def test_only_earlier_days_of_the_same_model_are_compared() -> None:
    def one(n: int, version: str) -> Kept:
        return Kept(date(2025, 5, n), version, Path("x"))

    found = [one(1, "a"), one(2, "b"), one(3, "a"), one(4, "a"), one(5, "a"), one(6, "a")]
    assert batches_before(one(5, "a"), found, 2) == [one(3, "a"), one(4, "a")]
    assert batches_before(one(2, "b"), found, 7) == []


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_run_writes_the_file(tmp_path: Path, form: str) -> None:
    params = watched(tmp_path, tables={"format": form}, scoring={"top_k": 15})
    score(params, [70, 71, 72])
    summary = score_proxy.run(params)
    (path,) = summary.outputs
    assert path == tmp_path / "artifacts/monitoring/score_proxy_latest.json"
    body = json.loads(path.read_text())
    assert body["as_of_date"] == day(72).isoformat()
    assert body["compared_with"] == [day(70).isoformat(), day(71).isoformat()]
    assert (body["contacts"], body["status"]) == (15, "OK")
    assert summary.facts["risk_psi"] == body["risk_psi"] < body["risk_chance_psi"]
    assert summary.rows == {"users": body["users"], "contacts": 15}


def test_the_latest_batch_is_kept_on_the_way(tmp_path: Path) -> None:
    params = watched(tmp_path)
    score(params, [70])
    (file,) = folder(params).iterdir()
    file.unlink()
    score_proxy.run(params)
    assert file.exists()


def test_without_predictions_the_way_is_named(tmp_path: Path) -> None:
    params = watched(tmp_path)
    with pytest.raises(ContractError, match="batch_predictions_latest") as caught:
        score_proxy.run(params)
    assert caught.value.fix == "score a day first: `dvc repro batch_score`"
    assert not (tmp_path / "artifacts/monitoring").exists()
