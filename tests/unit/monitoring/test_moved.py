from __future__ import annotations

import numpy as np
import pytest

from churn_mlops.monitoring.day import day_of
from churn_mlops.monitoring.moved import Moved, compare, graded
from churn_mlops.params import DriftCheck
from tests.unit.monitoring.portal import DAY, reference, values

REFERENCE = reference()


def compared(**changes):
    made = values(np.random.default_rng(5), 500) | changes
    return {
        c.column: c
        for c in compare(REFERENCE, REFERENCE.like(DAY), day_of(DAY, made, REFERENCE), 1)
    }


def column(name, psi, p_value, importance=0.1):
    return Moved(name, psi, 0.01, p_value, importance, psi * importance, "OK", "text")


def test_what_did_not_move_is_explained_by_chance():
    found = compared()
    assert min(c.p_value for c in found.values()) > 0.001
    assert max(c.psi for c in found.values()) < 0.1
    assert found["minutes"].chance_psi == pytest.approx(found["minutes"].psi, abs=0.05)


def test_what_moved_has_a_score_and_words():
    flag = (np.random.default_rng(1).random(500) < 0.6).astype(float)
    found = compared(flag=flag)["flag"]
    assert found.psi > 1
    assert found.p_value < 1e-6
    assert found.score == found.psi * 0.1
    assert found.text.startswith("flag: value 1 in ")
    assert "→ 6" in found.text or "→ 5" in found.text


def test_a_column_that_one_side_lacks_is_not_compared():
    made = values(np.random.default_rng(5), 500) | {"new": np.zeros(500)}
    made.pop("flag")
    found = compare(REFERENCE, REFERENCE.like(DAY), day_of(DAY, made, REFERENCE), 1)
    assert {c.column for c in found} == set(REFERENCE.bins) - {"flag"}


@pytest.mark.parametrize(
    ("psi", "p_value", "level"),
    [(0.5, 1e-9, "FAIL"), (0.15, 1e-9, "WARN"), (0.05, 1e-9, "OK"), (0.5, 0.2, "OK"),
     (0.5, 0.02, "WARN")],
)  # fmt: skip
def test_a_level_needs_distance_and_more_than_chance(psi, p_value, level):
    (given,), _ = graded([column("x", psi, p_value)], {}, DriftCheck())
    assert given.level == level


def test_many_columns_raise_the_bar():
    calm = [column(f"c{n}", 0.01, 0.5) for n in range(39)]
    found, _ = graded([column("x", 0.5, 0.02), *calm], {}, DriftCheck())
    assert {c.level for c in found} == {"OK"}


def test_what_moves_by_itself_never_alarms():
    (given,), _ = graded([column("days_since_signup", 2.0, 0.0)], {}, DriftCheck())
    assert given.level == "MUTED"


def test_worst_first_then_by_psi_times_importance():
    columns = [column("a", 0.3, 0, 0.1), column("b", 0.9, 0, 0.01), column("c", 0.2, 0, 0.9),
               column("d", 0.26, 0, 0.5)]  # fmt: skip
    found, _ = graded(columns, {}, DriftCheck())
    assert [c.column for c in found] == ["d", "a", "b", "c"]


def test_other_tests_share_the_rates():
    _, counts = graded([column("x", 0.0, 0.9)], {"joint": 1e-9, "other": 0.9}, DriftCheck())
    assert counts == {"joint": (True, True), "other": (False, False)}
