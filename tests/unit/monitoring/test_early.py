"""CHN406: fires when user ids are mixed up, and not when people change."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from churn_mlops.data.bad_days import BadDay, mark, read_bad_days
from churn_mlops.errors import ContractError
from churn_mlops.monitoring import drift
from churn_mlops.monitoring.early import FEWEST_DAYS, Early, judged, roc_auc, usual_values
from churn_mlops.params import Params
from churn_mlops.summary import Summary
from tests.active import put_activity
from tests.watched import DAYS, day, put_features, score, watched

pytestmark = pytest.mark.slow

LAST = DAYS - 1
USUAL = (0.80, 0.81, 0.79, 0.80, 0.82, 0.78)


def drawn(users: int, seed: int, mixed_up: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Risks and who was away; the risks know about half of it."""
    rng = np.random.default_rng(seed)
    risks = rng.beta(1, 2, users)
    away = rng.random(users) < risks
    return risks, rng.permutation(away) if mixed_up else away


def test_the_area_is_that_of_scikit_learn_and_its_error_that_of_many_samples() -> None:
    risks, away = drawn(400, 0)
    risks = np.round(risks, 2)
    area, error = roc_auc(risks, away)
    assert area == pytest.approx(roc_auc_score(away, risks))
    areas = [roc_auc(*drawn(400, seed))[0] for seed in range(300)]
    assert error == pytest.approx(np.std(areas), rel=0.15)


def test_with_few_days_before_there_is_evidence_and_no_verdict() -> None:
    found = judged(day(1), *drawn(500, 0, mixed_up=True), USUAL[: FEWEST_DAYS - 1])
    assert found is not None
    assert found.usual is None
    assert found.finding(0.01) is None


def test_with_hardly_anybody_away_there_is_no_evidence() -> None:
    away = np.zeros(500, dtype=bool)
    away[:19] = True
    assert judged(day(1), drawn(500, 0)[0], away, USUAL) is None
    assert judged(day(1), drawn(500, 0)[0], ~away, USUAL) is None


def test_mixed_up_ids_are_found_on_the_first_day_and_calm_days_are_not() -> None:
    # What these risks usually come to, from days of their own.
    usual = [roc_auc(*drawn(500, 1000 + n))[0] for n in range(28)]

    def alarms(mixed_up: bool) -> int:
        found = [judged(day(1), *drawn(500, n, mixed_up), usual) for n in range(300)]
        return sum(one is not None and one.finding(0.01) is not None for one in found)

    assert alarms(mixed_up=True) >= 295
    assert alarms(mixed_up=False) == 0


@pytest.mark.parametrize(
    ("area", "error", "usual", "fires"),
    [
        (0.50, 0.02, 0.80, True),
        (0.64, 0.02, 0.80, True),
        (0.66, 0.001, 0.80, False),  # more than half of the distance is left
        (0.50, 0.20, 0.80, False),  # so few users leave this open
        (0.30, 0.01, 0.50, False),  # it never told anything
        (0.30, 0.01, None, False),
    ],
)
def test_both_the_distance_and_chance_decide(
    area: float, error: float, usual: float | None, fires: bool
) -> None:
    found = Early(day(1), 500, area, error, usual, 0.01).finding(0.01)
    assert (found is not None) is fires
    if found is not None:
        assert (found.check, found.level, found.upstream) == ("CHN406", "FAIL", True)
        assert str(day(1)) in found.text


def checked(params: Params, n: int) -> Summary:
    put_features(params, n)
    return drift.run(params)


def numbers(summary: Summary) -> list[str]:
    return [one["check"] for one in summary.facts["findings"] if one["level"] == "FAIL"]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Params:
    """A champion whose last days were scored and checked, up to the day before the last one."""
    params = watched(tmp_path_factory.mktemp("calm"))
    put_activity(params)
    score(params, range(LAST - 8, LAST))
    for n in range(LAST - 7, LAST):
        summary = checked(params, n)
        assert "CHN406" not in numbers(summary)
    put_features(params, LAST)
    return params


def report(params: Params, n: int) -> dict[str, object]:
    path = Path(params.paths.artifacts) / "monitoring/drift" / f"{day(n)}.json"
    found: dict[str, object] = json.loads(path.read_text())
    return found


def early_of(params: Params, n: int = LAST) -> dict[str, float]:
    found = report(params, n)["early"]
    assert isinstance(found, dict)
    return found


def test_a_calm_day_passes_and_its_value_is_kept(calm: Params) -> None:
    put_activity(calm)
    summary = drift.run(calm)
    assert "CHN406" not in numbers(summary)
    found = early_of(calm)
    assert found["usual"] == pytest.approx(found["roc_auc"], abs=0.1)
    before = [early_of(calm, n)["roc_auc"] for n in range(LAST - 7, LAST)]
    assert found["usual"] == np.median(before)
    assert read_bad_days(calm) == []


def test_a_day_with_mixed_up_ids_fails_is_marked_and_the_mark_goes_with_the_fault(
    calm: Params,
) -> None:
    put_activity(calm, mixed_up=[LAST])
    summary = drift.run(calm)
    assert "CHN406" in numbers(summary)
    assert summary.facts["headline"].startswith("FAIL: activity does not follow the risk")
    (bad,) = read_bad_days(calm)
    assert (bad.day, bad.check, bad.labels) == (day(LAST), "CHN406", True)
    put_activity(calm)
    assert "CHN406" not in numbers(drift.run(calm))
    assert read_bad_days(calm) == []


@pytest.mark.parametrize("odds", [0.3, 3.0])
def test_people_who_change_do_not_look_like_it(odds: float, calm: Params) -> None:
    put_activity(calm, odds={LAST: odds})
    assert "CHN406" not in numbers(drift.run(calm))
    found = early_of(calm)
    assert found["roc_auc"] > (0.5 + found["usual"]) / 2


def test_marked_days_are_not_among_the_usual_ones(calm: Params) -> None:
    version = str(report(calm, LAST - 1)["model_version"])
    assert len(usual_values(calm, version, day(LAST), frozenset())) == 7
    assert len(usual_values(calm, version, day(LAST), frozenset([day(LAST - 2)]))) == 6
    assert usual_values(calm, "another", day(LAST), frozenset()) == []


def test_another_delivery_fault_is_marked_as_none_of_the_labels(calm: Params) -> None:
    put_activity(calm)
    put_features(calm, LAST, quiz_avg_score=lambda scores: np.full(len(scores), 50.0))
    drift.run(calm)
    put_features(calm, LAST)
    (bad,) = read_bad_days(calm)
    assert (bad.check, bad.labels) == ("CHN402", False)
    other = BadDay(day(LAST), "CHN113", "said by the gate", labels=True)
    mark(calm, other)
    drift.run(calm)
    assert read_bad_days(calm) == [other], "what others have marked stays"


def test_a_damaged_earlier_report_is_named(calm: Params) -> None:
    path = Path(calm.paths.artifacts) / "monitoring/drift" / f"{day(LAST - 3)}.json"
    before = path.read_text()
    path.write_text("{")
    with pytest.raises(ContractError, match=rf"{day(LAST - 3)}\.json is damaged"):
        drift.run(calm)
    path.write_text(before)
