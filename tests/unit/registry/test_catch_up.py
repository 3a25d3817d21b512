"""The ledger follows the registry, once."""

from __future__ import annotations

from churn_mlops.registry.catch_up import catch_up
from churn_mlops.registry.champion import CHAMPION
from churn_mlops.registry.history import champions, ledger
from tests.contenders import FAIR, GOOD


def test_without_a_champion_there_is_nothing_to_note(place):
    catch_up(place.tracker, place.params)
    assert place.actions() == []


def test_what_the_ledger_knows_is_not_noted_again(place):
    place.train(FAIR)
    place.promote()
    catch_up(place.tracker, place.params)
    assert place.actions() == ["promoted"]


def test_a_ledger_that_was_lost_begins_with_the_champion(place):
    made = place.crown(FAIR)
    ledger(place.params).path.unlink()
    catch_up(place.tracker, place.params)
    catch_up(place.tracker, place.params)
    (entry,) = ledger(place.params).entries()
    assert entry.action == "promoted"
    assert entry.facts["challenger"]["digest"] == made.digest
    version = place.tracker.by_alias(place.params.tracking.model, CHAMPION)
    assert version.tags["ledger_hash"] == entry.hash


def test_an_alias_that_was_moved_by_hand_is_noted(place):
    old = place.crown(FAIR)
    new = place.crown(GOOD)
    place.tracker.set_alias(place.params.tracking.model, CHAMPION, 1)
    catch_up(place.tracker, place.params)
    stack = [model["digest"] for model in champions(ledger(place.params).entries())]
    assert stack == [old.digest, new.digest, old.digest]


def test_a_rollback_that_left_no_line_is_noted_as_one(place):
    old, new = place.crown(FAIR), place.crown(GOOD)
    model = place.params.tracking.model
    place.tracker.set_tags(model, 1, {"decision": "rolled_back"})
    place.tracker.set_alias(model, CHAMPION, 1)
    catch_up(place.tracker, place.params)
    entry = ledger(place.params).entries()[-1]
    assert entry.action == "rolled_back"
    assert (entry.facts["from"]["digest"], entry.facts["to"]["digest"]) == (new.digest, old.digest)
    assert champions(ledger(place.params).entries())[-1]["digest"] == old.digest
    assert place.tracker.by_version(model, 1).tags["taken_back"] == "false"
