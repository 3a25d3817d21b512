"""Which champions the ledger tells of, against a model that plays the same decisions by hand."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.params import Params
from churn_mlops.registry.history import (
    DRY_RUN,
    PROMOTED,
    REFUSED,
    ROLLED_BACK,
    as_text,
    champions,
    ledger,
    taken_back,
)
from churn_mlops.registry.ledger import START, Entry


def model(name):
    return {"digest": name * 64, "version": name * 12, "family": "x", "registered": 1}


def entries(*steps):
    """Entries of (action, model) and (rolled_back, from, to)."""
    found = []
    for n, (action, *models) in enumerate(steps, 1):
        facts = (
            {"from": model(models[0]), "to": model(models[1]), "reason": "bad"}
            if action == ROLLED_BACK
            else {"challenger": model(models[0]), "reason": "+0.1"}
        )
        found.append(Entry(n, "2025-01-31T12:00:00+00:00", action, facts, START, START))
    return found


def names(stack):
    return "".join(one["digest"][0] for one in stack)


def test_without_decisions_there_is_no_champion():
    assert champions([]) == []
    assert taken_back([]) == set()
    assert as_text([]) == "no decision yet"


def test_only_promotions_make_champions():
    found = entries((REFUSED, "a"), (PROMOTED, "b"), (DRY_RUN, "c"), (REFUSED, "d"))
    assert names(champions(found)) == "b"
    assert champions(found)[-1] == model("b")


def test_a_rollback_drops_what_came_after():
    steps = [(PROMOTED, "a"), (PROMOTED, "b"), (PROMOTED, "c")]
    assert names(champions(entries(*steps, (ROLLED_BACK, "c", "b")))) == "ab"
    assert names(champions(entries(*steps, (ROLLED_BACK, "c", "a")))) == "a"
    assert taken_back(entries(*steps, (ROLLED_BACK, "c", "a"))) == {"c" * 64}


def test_a_rollback_may_be_undone():
    found = entries(
        (PROMOTED, "a"), (PROMOTED, "b"), (ROLLED_BACK, "b", "a"), (ROLLED_BACK, "a", "b")
    )
    assert names(champions(found)) == "ab"
    assert taken_back(found) == {"a" * 64}


def test_a_model_that_is_made_champion_by_hand_is_not_taken_back_any_more():
    steps = [(PROMOTED, "a"), (PROMOTED, "b"), (ROLLED_BACK, "b", "a")]
    assert taken_back(entries(*steps)) == {"b" * 64}
    assert taken_back(entries(*steps, (PROMOTED, "b"))) == set()


def test_the_last_time_that_a_model_was_champion_counts():
    steps = [(PROMOTED, "a"), (PROMOTED, "b"), (PROMOTED, "a"), (PROMOTED, "c")]
    assert names(champions(entries(*steps, (ROLLED_BACK, "c", "a")))) == "aba"


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 99)), max_size=30))
def test_any_history_is_replayed(choices):
    steps, now, barred, ever, depth = [], None, set(), [], {}
    for kind, pick in choices:
        name = "abcdef"[pick % 6]
        if kind == 0:
            steps.append((REFUSED, name))
        elif kind == 1:
            steps.append((DRY_RUN, name))
        elif kind == 2 and name != now and name not in barred:
            steps.append((PROMOTED, name))
            now = name
            ever.append(name)
        elif kind >= 3 and [other for other in ever if other != now]:
            others = [other for other in ever if other != now]
            back = others[pick % len(others)]
            steps.append((ROLLED_BACK, now, back))
            barred = (barred | {now}) - {back}
            now = back
        depth[len(steps)] = now
    found = entries(*steps)
    for count, champion in depth.items():
        stack = champions(found[:count])
        assert (names(stack)[-1:] or None) == champion
        # Somebody who goes one back finds another model.
        assert all(a["digest"] != b["digest"] for a, b in pairwise(stack))
    assert {digest[0] for digest in taken_back(found)} == barred
    assert now not in barred


def test_the_text_has_a_line_per_decision():
    lines = as_text(entries((PROMOTED, "a"), (PROMOTED, "b"), (ROLLED_BACK, "b", "a"))).splitlines()
    assert lines[0] == "   1  2025-01-31T12:00:00+00:00  promoted          aaaaaaaaaaaa (x): +0.1"
    assert lines[2].endswith("rolled_back       bbbbbbbbbbbb -> aaaaaaaaaaaa: bad")


def test_the_ledger_lies_among_the_artifacts():
    params = Params.model_validate({"paths": {"artifacts": "kept"}})
    assert str(ledger(params).path) == "kept/ledger.jsonl"
