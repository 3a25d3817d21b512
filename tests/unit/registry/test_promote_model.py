"""The only way to become champion, with MLflow's real registry on SQLite."""

from __future__ import annotations

import shutil
from datetime import datetime

import pytest

from churn_mlops.errors import BundleError, LedgerError, PromotionError, TrackingError
from churn_mlops.monitoring.state_metrics import state_board
from churn_mlops.registry import promote_model
from churn_mlops.registry.bundle import load_bundle
from churn_mlops.registry.history import ledger
from churn_mlops.registry.mlflow_registry import Tracker
from tests.contenders import FAIR, GOOD, POOR, damage


def test_the_first_model_must_beat_the_simple_rule(place):
    first = place.train(FAIR)
    report = place.promote()
    assert report["decision"] == "promoted"
    assert report["against"] == "recency"
    assert report["champion"] is None
    assert 0 < report["low"] < report["difference"] < report["high"]
    assert load_bundle(place.production).digest == place.champion() == first.digest
    (entry,) = ledger(place.params).entries()
    assert entry.action == "promoted"
    assert entry.facts["challenger"]["registered"] == 1
    published = state_board(place.params).registry.get_sample_value
    promoted = published("churn_champion_promoted_timestamp_seconds")
    assert promoted == datetime.fromisoformat(entry.at).timestamp()
    version = place.tracker.by_version(place.params.tracking.model, 1)
    assert version.aliases == ("challenger", "champion")
    assert (version.tags["ledger_entry"], version.tags["ledger_hash"]) == ("1", entry.hash)
    assert version.tags["decision"] == "promoted"
    assert version.tags["against"] == "recency"


def test_a_first_model_that_is_no_better_than_the_simple_rule_is_no_champion(place):
    place.train(FAIR)
    strict = place.with_params(promotion={"margin": 0.5})
    with pytest.raises(PromotionError, match=r"there is no champion.*must lie above 0\.5"):
        strict.promote()
    assert not place.production.exists()
    assert place.champion() is None
    assert place.actions() == ["refused"]
    # What was refused for its worth may try again.
    assert place.promote()["decision"] == "promoted"


def test_the_same_model_again_changes_nothing_and_is_not_noted(place):
    place.train(FAIR)
    place.promote()
    before = place.state()
    report = place.promote()
    assert (report["decision"], report["reason"]) == ("unchanged", "the challenger is the champion")
    assert place.state() == before
    assert place.actions() == ["promoted"]


def test_a_better_model_replaces_the_champion(place):
    old = place.crown(FAIR)
    new = place.train(GOOD)
    report = place.promote()
    assert report["decision"] == "promoted"
    assert report["against"] == "champion"
    assert report["champion"]["digest"] == old.digest
    assert load_bundle(place.production).digest == place.champion() == new.digest
    first, second = ledger(place.params).entries()
    assert second.previous == first.hash
    assert second.facts["champion"]["version"] == old.version
    newest, oldest = place.tracker.versions(place.params.tracking.model)
    assert (newest.aliases, oldest.aliases) == (("challenger", "champion"), ())
    assert newest.tags["ledger_hash"] == second.hash
    assert oldest.tags["ledger_hash"] == first.hash
    low, high = map(float, newest.tags["interval"].split())
    assert 0 < low < float(newest.tags["difference"]) < high


def test_a_worse_model_is_refused_and_the_champion_stays_untouched(place):
    place.crown(FAIR)
    before = place.state()
    place.train(POOR)
    report = place.promote()
    assert report["decision"] == "refused"
    assert report["reason"].startswith("better in pr_auc: ")
    assert report["high"] < 0
    assert place.state() == before
    assert place.actions() == ["promoted", "refused"]
    version = place.tracker.by_alias(place.params.tracking.model, "challenger")
    assert version.tags["decision"] == "refused"
    assert version.tags["ledger_entry"] == "2"


def test_the_same_decision_once_more_is_the_same_line(place):
    """Who was killed before DVC took note of the stage decides again."""
    place.crown(FAIR)
    place.train(POOR)
    place.promote()
    before = ledger(place.params).path.read_bytes()
    assert place.promote()["decision"] == "refused"
    assert ledger(place.params).path.read_bytes() == before


@pytest.mark.slow
def test_a_model_of_equal_worth_is_refused(place):
    place.crown(FAIR)
    place.train(FAIR, note=1.0)
    report = place.promote()
    assert report["decision"] == "refused"
    assert (report["difference"], report["low"], report["high"]) == (0, 0, 0)


def test_the_family_that_was_truest_beside_the_test_days_is_the_challenger(place):
    place.train(POOR, held_out_log_loss=0.3)
    baseline = place.train(FAIR, "baseline", held_out_log_loss=0.2)
    report = place.promote()
    assert report["challenger"]["name"] == "baseline"
    assert report["challenger"]["digest"] == baseline.digest
    place.train(GOOD, held_out_log_loss=0.2)
    assert promote_model.choose_challenger(place.params).name == "candidate"


def test_a_model_that_tells_its_accuracy_only_is_refused(place):
    place.crown(FAIR)
    before = place.state()
    place.train(GOOD, metrics={"accuracy": 0.99})
    with pytest.raises(PromotionError, match=r"does not tell its held_out_log_loss.*accuracy"):
        place.promote()
    assert place.state() == before
    assert place.actions() == ["promoted"]


@pytest.mark.slow
def test_a_dry_run_is_noted_and_changes_nothing_else(place):
    place.train(FAIR)
    with pytest.raises(PromotionError, match="there is no champion"):
        place.promote(dry_run=True)
    assert place.actions() == ["dry_run"]
    assert place.tracker.versions(place.params.tracking.model) == []
    place.crown(FAIR)
    before = place.state()
    versions = place.tracker.versions(place.params.tracking.model)
    place.train(GOOD)
    assert place.promote(dry_run=True)["decision"] == "dry_run"
    assert place.with_params(promotion={"mode": "dry_run"}).promote()["decision"] == "dry_run"
    assert place.state() == before
    assert place.tracker.versions(place.params.tracking.model) == versions
    assert place.actions() == ["dry_run", "promoted", "dry_run", "dry_run"]
    assert place.promote()["decision"] == "promoted"


def test_a_dry_run_of_a_worse_model_says_that_it_would_be_refused(place):
    place.crown(FAIR)
    place.train(POOR)
    assert place.promote(dry_run=True)["decision"] == "refused"


def test_disabled_does_not_even_decide(place):
    place.train(FAIR)
    off = place.with_params(promotion={"mode": "disabled"})
    with pytest.raises(PromotionError, match=r"promotion\.mode is disabled"):
        off.promote()
    place.crown(FAIR)
    before = place.state()
    place.train(GOOD)
    for given in ({}, {"dry_run": True}):
        assert off.promote(**given)["decision"] == "disabled"
    assert place.state() == before
    assert place.actions() == ["promoted"]


def test_a_champion_of_another_meaning_of_churn_is_not_compared_with(place):
    place.crown(FAIR, label=place.params.churn.model_copy(update={"window_days": 14}))
    before = place.state()
    place.train(GOOD)
    with pytest.raises(PromotionError, match=r"window_days: 14 \(now 7\); the champion stays") as e:
        place.promote()
    assert "--new-contract" in e.value.fix
    assert place.state() == before
    assert place.actions() == ["promoted"]
    report = place.promote(new_contract=True)
    assert (report["decision"], report["against"]) == ("promoted", "recency")
    assert report["champion"]["digest"] == before[1]
    assert place.champion() == report["challenger"]["digest"]


def test_a_champion_of_other_features_is_not_compared_with(place):
    place.crown(FAIR)
    before = place.state()
    other = place.with_params(features={"static": {"age": "numeric"}})
    other.train(GOOD)
    with pytest.raises(PromotionError, match="differ in 1 features: age"):
        other.promote()
    assert place.state() == before
    assert place.actions() == ["promoted"]


def test_a_challenger_that_does_not_fit_is_not_weighed_even_under_a_new_contract(place):
    place.crown(FAIR)
    place.train(GOOD, label=place.params.churn.model_copy(update={"window_days": 14}))
    for given in ({}, {"new_contract": True}):
        with pytest.raises(PromotionError, match="another meaning of churn"):
            place.promote(**given)
    assert place.actions() == ["promoted"]


def test_without_rows_that_neither_could_learn_from_nothing_is_promoted(place):
    place.crown(FAIR)
    made = place.train(GOOD)
    last = made.meta.window.test_last_day
    place.train(GOOD, window=made.meta.window.model_copy(update={"train_last_day": last}))
    with pytest.raises(PromotionError, match="the first day that no label") as caught:
        place.promote()
    assert "matured" in caught.value.fix
    assert place.actions() == ["promoted"]


@pytest.mark.slow
def test_only_days_that_no_training_label_reaches_are_judged_on(place):
    place.train(FAIR)
    made = place.promote()
    window = load_bundle(place.production).meta.window
    assert made["first_day"] == window.test_first_day.isoformat()
    later = window.train_last_day.replace(day=window.train_last_day.day + 5)
    place.train(GOOD, window=window.model_copy(update={"train_last_day": later}))
    found = place.promote()
    assert (found["first_day"], found["last_day"]) == ("2025-02-17", made["last_day"])
    assert found["rows"] < made["rows"]


def test_without_a_model_there_is_nothing_to_promote(place):
    with pytest.raises(BundleError, match="there is no model in"):
        place.promote()


def test_a_damaged_challenger_is_not_promoted(place):
    place.crown(FAIR)
    before = place.state()
    place.train(GOOD)
    damage(place.root / "models/candidate/model.onnx")
    with pytest.raises(BundleError, match="is not the file that SHA256SUMS describes"):
        place.promote()
    assert place.state() == before


def test_a_challenger_that_mlflow_does_not_know_is_not_promoted(place):
    from tests.contenders import put

    place.crown(FAIR)
    before = place.state()
    put(place.params, GOOD, note=12345.0)
    with pytest.raises(PromotionError, match="MLflow has no finished run") as caught:
        place.promote()
    assert "train_candidate" in caught.value.fix
    assert place.state() == before
    assert place.actions() == ["promoted"]


def test_a_damaged_ledger_stops_everything(place):
    place.crown(FAIR)
    before = place.state()
    place.train(GOOD)
    damage(place.root / "ledger.jsonl")
    with pytest.raises(LedgerError, match="line 1 is not as it was written"):
        place.promote()
    assert place.state() == before
    assert len(place.tracker.versions(place.params.tracking.model)) == 1


def test_an_unreachable_registry_changes_nothing(place):
    place.crown(FAIR)
    before = place.state()
    place.train(GOOD)
    gone = place.with_params(tracking={"uri": "http://127.0.0.1:9", "timeout_seconds": 1})
    with pytest.raises(TrackingError):
        gone.promote()
    assert place.state() == before
    assert place.actions() == ["promoted"]


class Killed(BaseException):
    """Stands for a signal that ends the process."""


@pytest.mark.slow
def test_who_is_killed_before_the_bundle_is_in_place_is_healed_by_the_next_run(place, monkeypatch):
    old = place.crown(FAIR)
    new = place.train(GOOD)

    def kill(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(promote_model, "copy_bundle", kill)
        with pytest.raises(Killed):
            place.promote()
    assert place.champion() == new.digest
    assert load_bundle(place.production).digest == old.digest
    assert place.actions() == ["promoted"]
    assert place.promote()["decision"] == "unchanged"
    assert load_bundle(place.production).digest == new.digest
    first, second = ledger(place.params).entries()
    assert (second.action, second.facts["challenger"]["digest"]) == ("promoted", new.digest)
    assert second.facts["champion"]["digest"] == old.digest
    version = place.tracker.by_alias(place.params.tracking.model, "champion")
    assert version.tags["ledger_hash"] == second.hash != first.hash


@pytest.mark.slow
def test_who_is_killed_before_the_alias_moves_has_promoted_nothing(place, monkeypatch):
    place.crown(FAIR)
    before = place.state()
    place.train(GOOD)
    move = Tracker.set_alias

    def kill(tracker, model, alias, version):
        if alias == "champion":
            raise Killed
        move(tracker, model, alias, version)

    with monkeypatch.context() as patch:
        patch.setattr(Tracker, "set_alias", kill)
        with pytest.raises(Killed):
            place.promote()
    assert place.state() == before
    assert place.promote()["decision"] == "promoted"
    assert place.actions() == ["promoted", "promoted"]
    assert len(place.tracker.versions(place.params.tracking.model)) == 2


def test_a_lost_production_folder_comes_back_from_the_registry(place):
    place.crown(FAIR)
    before = place.state()
    shutil.rmtree(place.production)
    assert place.promote()["decision"] == "unchanged"
    assert place.state() == before


def test_changed_artifacts_in_the_registry_are_not_put_in_production(place):
    place.crown(FAIR)
    damage(place.stored(1) / "model.onnx")
    assert place.promote()["decision"] == "unchanged"
    shutil.rmtree(place.production)
    with pytest.raises(BundleError, match="SHA256SUMS"):
        place.promote()
    assert not place.production.exists()


def test_the_summary_tells_the_decision_and_the_files(place):
    place.train(FAIR)
    summary = promote_model.run(place.params)
    assert summary.stage == "promote_model"
    assert summary.facts["decision"] == "promoted"
    assert summary.rows["judged"] > 1_000
    assert [path.name for path in summary.outputs] == [
        "production",
        "ledger.jsonl",
        "promotion.json",
    ]
    assert all(path.exists() for path in summary.outputs)
