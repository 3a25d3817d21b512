from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from churn_mlops.monitoring.day import day_of
from churn_mlops.monitoring.moved import Moved, compare, graded
from churn_mlops.monitoring.reference import reference_of
from churn_mlops.params import DriftCheck
from churn_mlops.registry.profile import Profile
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
     (0.5, 0.02, "WARN"), (0.25, 1e-9, "FAIL"), (0.2499, 1e-9, "WARN"), (0.1, 1e-9, "WARN"),
     (0.0999, 1e-9, "OK")],
)  # fmt: skip
def test_a_level_needs_distance_and_more_than_chance(psi, p_value, level):
    (given,), _ = graded([column("x", psi, p_value)], {}, DriftCheck())
    assert given.level == level


def test_many_columns_raise_the_bar():
    calm = [column(f"c{n}", 0.01, 0.5) for n in range(39)]
    found, _ = graded([column("x", 0.5, 0.02), *calm], {}, DriftCheck())
    assert {c.level for c in found} == {"OK"}


def test_columns_of_one_value_make_no_room_for_others():
    # p = 0.002 of 20 columns is chance at a rate of 1 %, with any number of constant ones beside.
    constant = [replace(column(f"k{n}", 0.0, 1.0), chance_psi=0.0) for n in range(15)]
    calm = [column(f"c{n}", 0.01, 0.5) for n in range(19)]
    found, _ = graded([column("x", 0.5, 0.002), *calm, *constant], {}, DriftCheck())
    assert found[0].level == "WARN"
    assert {c.level for c in found[1:]} == {"OK"}


@pytest.mark.parametrize("users", [20, 150, 2_000])
def test_a_column_of_one_value_has_not_moved(users):
    still = {"none": np.zeros(12 * 300), "country": np.full(12 * 300, "DE", dtype=object)}
    days = np.repeat(np.datetime64("2025-02-03") + 7 * np.arange(12), 300)
    ids = np.tile(np.arange(300), 12)
    profile = Profile(still, days, ids, np.zeros(12 * 300), np.zeros(12 * 300, int))
    against = reference_of(profile, {})
    day = day_of(DAY, {name: values_[:users] for name, values_ in still.items()}, against)
    found = compare(against, against.like(DAY), day, 1)
    assert [(c.psi, c.p_value) for c in found] == [(0, 1)] * 2


def test_rows_of_the_same_users_are_worth_their_users():
    rng = np.random.default_rng(2)
    found = []
    for _ in range(60):
        lasting = rng.integers(0, 8, 300)
        days = np.repeat(np.datetime64("2025-02-05") + 7 * np.arange(12), 300)
        ids = np.tile(np.arange(300), 12)
        column_ = {"x": lasting[ids].astype(float)}
        against = reference_of(
            Profile(column_, days, ids, np.zeros(3_600), np.zeros(3_600, int)), {}
        )
        day = day_of(DAY, {"x": rng.integers(0, 8, 300).astype(float)}, against)
        found.append(compare(against, against.like(DAY), day, 1)[0].p_value)
    assert np.mean(found) == pytest.approx(0.5, abs=0.12)
    assert np.mean(np.array(found) < 0.05) < 0.15


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
