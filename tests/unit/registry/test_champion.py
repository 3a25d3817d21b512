"""The bundle in production follows the registry's alias."""

from __future__ import annotations

import shutil

import pytest

from churn_mlops.errors import BundleError, PromotionError
from churn_mlops.registry.bundle import copy_bundle, load_bundle
from churn_mlops.registry.champion import (
    current_champion,
    install,
    load_champion,
    noted_head,
)
from churn_mlops.registry.history import ledger
from tests.contenders import FAIR, GOOD, damage


@pytest.fixture
def promoted(place):
    """A place with a champion."""
    place.crown(FAIR)
    return place


def test_without_a_champion_the_way_to_one_is_named(place):
    with pytest.raises(BundleError, match="there is no champion at") as caught:
        load_champion(place.params)
    assert "dvc repro" in caught.value.fix
    assert current_champion(place.tracker, place.params) is None
    assert noted_head(place.params) is None


def test_a_bundle_in_place_is_not_fetched_again(promoted, monkeypatch):
    monkeypatch.setattr(promoted.tracker, "download", lambda *_: pytest.fail("was fetched"))
    assert current_champion(promoted.tracker, promoted.params).digest == promoted.champion()


def test_without_an_alias_the_bundle_in_place_counts(promoted):
    promoted.tracker.delete_alias(promoted.params.tracking.model, "champion")
    found = current_champion(promoted.tracker, promoted.params)
    assert found.digest == load_champion(promoted.params).digest
    damage(promoted.production / "model.onnx")
    with pytest.raises(BundleError, match="SHA256SUMS"):
        current_champion(promoted.tracker, promoted.params)


def test_a_damaged_bundle_is_replaced_by_the_registrys(promoted):
    before = promoted.state()
    damage(promoted.production / "model.onnx")
    assert current_champion(promoted.tracker, promoted.params).digest == promoted.champion()
    assert promoted.state() == before


def test_a_bundle_that_another_one_was_put_over_is_replaced(promoted):
    before = promoted.state()
    promoted.train(GOOD)
    copy_bundle(promoted.root / "models/candidate", promoted.production)
    assert load_champion(promoted.params).digest != promoted.champion()
    current_champion(promoted.tracker, promoted.params)
    assert promoted.state() == before


@pytest.mark.slow
def test_an_alias_that_was_moved_by_hand_is_followed_and_noted(promoted):
    old = promoted.champion()
    promoted.crown(GOOD)
    promoted.tracker.set_alias(promoted.params.tracking.model, "champion", 1)
    assert promoted.promote()["decision"] == "promoted"
    noted = [e.facts["challenger"] for e in ledger(promoted.params).entries()]
    assert [one["registered"] for one in noted] == [1, 2, 1, 2]
    assert noted[2]["digest"] == old
    assert noted[2]["family"] == "logistic_regression"


@pytest.mark.slow
def test_another_machines_promotion_is_taken_over(promoted, tmp_path):
    tree = promoted.params.model_dump()
    tree["paths"]["artifacts"] = str(tmp_path / "other")
    other = type(promoted)(promoted.tracker, type(promoted.params).model_validate(tree))
    new = other.train(GOOD)
    assert other.promote()["decision"] == "promoted"
    assert other.actions() == ["promoted", "promoted"]
    assert load_champion(promoted.params).digest != new.digest
    assert current_champion(promoted.tracker, promoted.params).digest == new.digest
    assert load_champion(promoted.params).digest == new.digest


def test_a_version_that_is_not_what_it_was_registered_as_is_refused(promoted):
    before = promoted.state()
    promoted.train(GOOD)
    stored = promoted.stored(1)
    shutil.rmtree(stored)
    shutil.copytree(promoted.root / "models/candidate", stored)
    version = promoted.tracker.by_version(promoted.params.tracking.model, 1)
    with pytest.raises(PromotionError, match="but was registered as") as caught:
        install(promoted.tracker, version, promoted.params)
    assert "who changed" in caught.value.fix
    assert promoted.state() == before


def test_a_version_without_a_digest_is_refused(promoted):
    before = promoted.state()
    name = promoted.params.tracking.model
    version = promoted.tracker.by_version(name, 1)
    bare = type(version)(1, version.run_id, {}, ())
    with pytest.raises(PromotionError, match="was registered as"):
        install(promoted.tracker, bare, promoted.params)
    assert promoted.state() == before


def test_the_furthest_noted_entry_is_the_head(promoted):
    promoted.crown(GOOD)
    assert noted_head(promoted.params) == ledger(promoted.params).head()
    assert noted_head(promoted.params)[0] == 2
    assert load_bundle(promoted.production).digest == promoted.champion()
