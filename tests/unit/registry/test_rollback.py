"""Back to an earlier champion, and what the gate makes of the one that was left."""

from __future__ import annotations

import shutil

import pytest

from churn_mlops.errors import BundleError, LedgerError, PromotionError, TrackingError
from churn_mlops.registry import rollback
from churn_mlops.registry.bundle import load_bundle
from churn_mlops.registry.history import as_text, ledger
from churn_mlops.registry.mlflow_registry import Tracker
from tests.contenders import FAIR, GOOD, POOR, damage


@pytest.fixture
def two(place):
    """A place with a champion and one before it; what it was like under the first."""
    place.crown(FAIR)
    first = place.state()
    place.crown(GOOD)
    return place, first


def test_the_champion_before_is_back_byte_for_byte(two):
    place, first = two
    left = place.champion()
    summary = rollback.run(place.params, "calls doubled")
    assert place.state() == first
    assert summary.facts == {
        "champion": first[1][:12],
        "instead_of": left[:12],
        "registered": 1,
    }
    entry = ledger(place.params).entries()[-1]
    assert entry.action == "rolled_back"
    assert (entry.facts["from"]["digest"], entry.facts["to"]["digest"]) == (left, first[1])
    assert entry.facts["reason"] == "calls doubled"
    version = place.tracker.by_alias(place.params.tracking.model, "champion")
    assert version.tags["ledger_hash"] == entry.hash
    assert "calls doubled" in as_text(ledger(place.params).entries())


def test_the_model_that_was_left_is_refused_although_it_is_better(two):
    place, first = two
    rollback.run(place.params, "bad")
    report = place.promote()
    assert report["decision"] == "refused"
    assert report["reason"] == "not rolled back: this very model was rolled back before"
    assert report["low"] > 0
    assert place.state() == first
    assert place.actions() == ["promoted", "promoted", "rolled_back", "refused"]


@pytest.mark.slow
def test_another_model_of_the_same_worth_is_promoted(two):
    place, _ = two
    rollback.run(place.params, "bad")
    place.train(GOOD, note=2.0)
    assert place.promote()["decision"] == "promoted"


def test_one_cannot_go_back_beyond_the_first(two):
    place, first = two
    rollback.run(place.params, "bad")
    with pytest.raises(PromotionError, match=r"no earlier champion to go back to \(known: none\)"):
        rollback.run(place.params, "bad again")
    assert place.state() == first
    assert place.actions() == ["promoted", "promoted", "rolled_back"]


def test_without_any_champion_there_is_nothing_to_go_back_to(place):
    for to in (None, "abc"):
        with pytest.raises(PromotionError, match="there is no earlier champion"):
            rollback.run(place.params, "why", to)
    assert not place.production.exists()


def test_one_may_go_back_further(place):
    made = [place.crown(every) for every in (POOR, FAIR, GOOD)]
    assert place.actions() == ["promoted"] * 3
    rollback.run(place.params, "all wrong", made[0].version[:6])
    assert place.champion() == load_bundle(place.production).digest == made[0].digest
    with pytest.raises(PromotionError, match="no earlier champion to go back"):
        rollback.run(place.params, "more")


def test_a_version_that_never_was_champion_is_refused_with_those_that_were(two):
    place, first = two
    before = place.state()
    with pytest.raises(PromotionError, match=rf"champion zzz .*known: {first[1][:12]}\)"):
        rollback.run(place.params, "why", "zzz")
    # Nor can one go to where one is.
    with pytest.raises(PromotionError, match="there is no earlier champion"):
        rollback.run(place.params, "why", place.champion()[:12])
    assert place.state() == before


def test_a_rollback_can_be_undone(two):
    place, first = two
    second = place.state()
    rollback.run(place.params, "bad")
    assert place.state() == first
    rollback.run(place.params, "it was not the model", second[1][:12])
    assert place.state() == second
    assert place.promote()["decision"] == "unchanged"
    rollback.run(place.params, "it was")
    assert place.state() == first


def test_the_registry_of_another_ledger_is_not_believed(two):
    place, _ = two
    before = place.state()
    # Another registry, in which version 1 is another model.
    digest = place.tracker.by_version(place.params.tracking.model, 2).tags["bundle_sha256"]
    place.tracker.set_tags(place.params.tracking.model, 1, {"bundle_sha256": digest})
    with pytest.raises(PromotionError, match="is another model than the champion"):
        rollback.run(place.params, "bad")
    assert place.state() == before


def test_a_version_that_the_registry_lacks_is_told(two):
    place, _ = two
    before = place.state()
    other = place.with_params(tracking={"model": f"{place.params.tracking.model} x"})
    with pytest.raises(PromotionError, match="has no version 1 of"):
        rollback.run(other.params, "bad")
    assert place.state() == before


def test_changed_artifacts_are_not_put_in_production(two):
    place, _ = two
    before = place.state()
    damage(place.stored(1) / "bundle.json")
    with pytest.raises(BundleError, match="SHA256SUMS"):
        rollback.run(place.params, "bad")
    assert place.state() == before
    assert place.actions() == ["promoted", "promoted"]


def test_a_champion_whose_own_bundle_is_damaged_can_be_left(two):
    place, first = two
    damage(place.stored(2) / "model.onnx")
    shutil.rmtree(place.production)
    rollback.run(place.params, "broken")
    assert place.state() == first


def test_a_damaged_ledger_stops_a_rollback(two):
    place, _ = two
    before = place.state()
    damage(place.root / "ledger.jsonl")
    with pytest.raises(LedgerError):
        rollback.run(place.params, "bad")
    assert place.state() == before


def test_an_unreachable_registry_stops_a_rollback(two):
    place, _ = two
    before = place.state()
    gone = place.with_params(tracking={"uri": "http://127.0.0.1:9", "timeout_seconds": 1})
    with pytest.raises(TrackingError):
        rollback.run(gone.params, "bad")
    assert place.state() == before
    assert place.actions() == ["promoted", "promoted"]


class Killed(BaseException):
    """Stands for a signal that ends the process."""


@pytest.mark.slow
def test_who_is_killed_before_the_ledger_is_written_has_rolled_back(two, monkeypatch):
    place, first = two
    append = rollback.ledger

    def kill(params):
        book = append(params)
        monkeypatch.setattr(book, "append", lambda *_, **__: (_ for _ in ()).throw(Killed()))
        return book

    with monkeypatch.context() as patch:
        patch.setattr(rollback, "ledger", kill)
        with pytest.raises(Killed):
            rollback.run(place.params, "bad")
    assert place.state() == first
    assert place.actions() == ["promoted", "promoted"]
    # The better model does not come back: the next run notes what was done.
    assert place.promote()["decision"] == "refused"
    assert place.state() == first
    assert place.actions() == ["promoted", "promoted", "rolled_back", "refused"]


def test_who_is_killed_before_the_alias_moves_has_not_rolled_back(two, monkeypatch):
    place, _ = two
    before = place.state()

    def kill(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Tracker, "set_alias", kill)
        with pytest.raises(Killed):
            rollback.run(place.params, "bad")
    assert place.promote()["decision"] == "unchanged"
    assert place.state() == before
    assert place.actions() == ["promoted", "promoted"]


@pytest.mark.slow
def test_another_machine_does_not_promote_it_again(two):
    """Its ledger does not know of the rollback; the registry does."""
    place, first = two
    rollback.run(place.params, "complaints")
    ledger(place.params).path.unlink()
    report = place.promote()
    assert report["decision"] == "refused"
    assert "rolled back before" in report["reason"]
    assert place.state() == first
