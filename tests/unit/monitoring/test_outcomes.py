from __future__ import annotations

import os
from pathlib import Path

import pytest

from churn_mlops.errors import ContractError
from churn_mlops.inference.kept import Kept, kept
from churn_mlops.monitoring.outcomes import Outcomes, outcomes_folder
from churn_mlops.monitoring.realised import open_labels
from churn_mlops.params import Params
from tests.watched import DAYS, day, score, watched

LAST = day(DAYS - 1)
# Horizon 7, three days for late rows: settled, known, not yet known.
SETTLED, KNOWN, OPEN = 85, 88, 89
VALUE = {"customer_value": 100.0, "contact_cost": 1.0, "offer_cost": 4.0, "success_rate": 0.3}


def look(params: Params) -> dict[int, tuple[object, object]]:
    """Outcome and grade of every kept batch, by day of the log."""
    with open_labels(params, LAST) as labels:
        outcomes = Outcomes(labels, params, LAST)
        found = {}
        for one in kept(params):
            found[(one.day - day(0)).days] = (outcomes.of(one), outcomes.grade(one))
        return found


def names(params: Params) -> list[str]:
    return sorted(path.name for path in outcomes_folder(params).glob("*"))


@pytest.fixture
def params(tmp_path: Path) -> Params:
    made = watched(tmp_path)
    score(made, [SETTLED, KNOWN, OPEN])
    return made


def test_only_what_no_late_row_can_change_is_kept(params: Params) -> None:
    found = look(params)
    assert found[OPEN] == (None, None)
    assert found[KNOWN][0] is not None
    assert names(params) == [kept(params)[0].path.name]


def test_what_is_kept_says_the_same_without_the_labels(params: Params) -> None:
    before = look(params)[SETTLED]
    (Path(params.paths.data) / "processed/labels_daily.csv").unlink()
    one = kept(params)[0]
    with open_labels(params, LAST) as labels:
        outcomes = Outcomes(labels, params, LAST)
        again = outcomes.of(one)
        assert outcomes.grade(one) == before[1]
    assert again is not None
    assert again.metrics(None) == before[0].metrics(None)  # type: ignore[attr-defined]
    assert again.unlabelled == before[0].unlabelled  # type: ignore[attr-defined]


def test_a_grade_follows_what_a_customer_is_worth(params: Params) -> None:
    without = look(params)[SETTLED][1]
    tree = params.model_dump()
    tree["scoring"]["value"] = VALUE
    worth = Params.model_validate(tree)
    grade = look(worth)[SETTLED][1]
    assert set(grade.metrics) == {*without.metrics, "profit"}  # type: ignore[attr-defined]


def test_a_batch_that_is_scored_anew_is_graded_anew(params: Params) -> None:
    look(params)
    one = kept(params)[0]
    path = outcomes_folder(params) / one.path.name
    before = path.stat().st_mtime_ns
    os.utime(one.path, ns=(before + 10**9, before + 10**9))
    os.utime(path, ns=(before, before))
    look(params)
    assert path.stat().st_mtime_ns != before


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"no Parquet", b"PAR1"])
def test_a_damaged_outcome_is_named(params: Params, content: bytes) -> None:
    look(params)
    one: Kept = kept(params)[0]
    (outcomes_folder(params) / one.path.name).write_bytes(content)
    with pytest.raises(ContractError, match="is no outcome") as caught:
        look(params)
    assert "remove it" in str(caught.value.fix)
