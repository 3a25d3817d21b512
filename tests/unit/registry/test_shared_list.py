"""How a list is named beside the champion; tests/integration/api shares real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn_mlops.errors import ContractError
from churn_mlops.files import file_digest
from churn_mlops.inference.predictions import store_path
from churn_mlops.params import Params, Tracking
from churn_mlops.registry import shared_list
from churn_mlops.registry.champion import CHAMPION
from churn_mlops.registry.mlflow_registry import Version
from churn_mlops.registry.shared_list import FILE, TAG, SharedList, is_shared, share
from tests.contenders import FAIR, Place
from tests.unit.api.test_users import put

GOOD = SharedList("2025-04-30", "a" * 64, "lists/1")


def test_a_tag_is_read_back() -> None:
    assert SharedList.of_tag(GOOD.as_tag()) == GOOD
    assert SharedList.of_tag(None) is None
    assert SharedList.of_tag("") is None


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "{}",
        json.dumps({"as_of_date": "2025-04-30", "sha256": "a" * 63, "folder": "lists/1"}),
        json.dumps({"as_of_date": "2025-04-30", "sha256": "a" * 64, "folder": "../../other"}),
        json.dumps({"as_of_date": "soon", "sha256": "a" * 64, "folder": "lists/0"}),
    ],
)
def test_another_tag_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match="not one of ours"):
        SharedList.of_tag(text)


def test_only_a_server_is_asked_by_others() -> None:
    assert not is_shared(Params())
    assert is_shared(Params(tracking=Tracking(uri="http://mlflow:5000")))


def test_a_list_goes_to_the_champions_run_in_turns(place: Place) -> None:
    path = store_path(place.params)
    put(path, "v1")
    assert share(place.params) is None, "there is no champion"
    place.crown(FAIR)
    folders = []
    for version in ("v1", "v2", "v3"):
        put(path, version)
        shared = share(place.params)
        assert shared is not None
        assert (shared.as_of_date, shared.sha256) == ("2025-04-30", file_digest(path))
        assert share(place.params) == shared, "the same list is not given twice"
        folders.append(shared.folder)
        assert named(place).tags[TAG] == shared.as_tag()
        got = place.root / shared.folder / version
        got.mkdir(parents=True)
        assert place.tracker.fetch(named(place).run_id, shared.folder, got) == [FILE]
        assert (got / FILE).read_bytes() == path.read_bytes()
    assert folders == ["lists/0", "lists/1", "lists/0"], "two places, in turns"
    assert not list(path.parent.glob(".sharing-*"))


def test_a_tag_of_another_kind_is_written_over(place: Place) -> None:
    place.crown(FAIR)
    put(store_path(place.params), "v1")
    place.tracker.set_tags(place.params.tracking.model, 1, {TAG: "no JSON"})
    shared = share(place.params)
    assert shared is not None
    assert named(place).tags[TAG] == shared.as_tag()


def test_a_disk_without_links_gets_a_copy(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    place.crown(FAIR)
    path = store_path(place.params)
    put(path, "v1")
    monkeypatch.setattr(shared_list.os, "link", refuse)
    shared = share(place.params)
    assert shared is not None
    assert place.tracker.fetch(named(place).run_id, shared.folder, place.root) == [FILE]
    assert (place.root / FILE).read_bytes() == path.read_bytes()


def named(place: Place) -> Version:
    """The champion's version."""
    version = place.tracker.by_alias(place.params.tracking.model, CHAMPION)
    assert version is not None
    return version


def test_without_a_list_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert share(Params(tracking=Tracking(uri="http://127.0.0.1:9"))) is None
