"""The store over real bundles in folders: what serves after each thing that can happen."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import threading
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from churn_mlops.api import model_store
from churn_mlops.api.metrics import Metrics
from churn_mlops.api.model_source import FolderSource, Named
from churn_mlops.api.model_store import ModelStore
from churn_mlops.api.served import Served
from churn_mlops.api.watcher import Watcher
from churn_mlops.errors import BundleError
from churn_mlops.registry.bundle import SUMS, Bundle, copy_bundle, load_bundle, write_bundle
from tests.trained import bundle, bundle_folder

CANDIDATE, BASELINE = "candidate", "baseline"


class Place:
    """A folder with a source, a cache and a store."""

    def __init__(self, folder: Path) -> None:
        self.production, self.candidate = folder / "production", folder / "candidate"
        self.cache = folder / "cache"
        self.registry = CollectorRegistry()
        self.built: list[str] = []

    def promote(self, name: str) -> None:
        copy_bundle(bundle_folder(name), self.production)

    def store(self, *, shadow: bool = False, poll: float = 0.01) -> ModelStore:
        self.registry = CollectorRegistry()
        return ModelStore(
            FolderSource(self.production, self.candidate),
            self.cache,
            self.build,
            Watcher(Metrics(self.registry)),
            poll_seconds=poll,
            shadow=shadow,
        )

    def build(self, made: Bundle, named: Named) -> Served:
        self.built.append(made.version)
        return Served(made, named.number, 100)

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    def cached(self) -> set[str]:
        return {entry.name[:12] for entry in self.cache.iterdir() if entry.is_dir()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def version(store: ModelStore) -> str | None:
    return store.current.model.version if store.current else None


def test_without_a_champion_nothing_serves_until_there_is_one(place: Place) -> None:
    store = place.store()
    store.refresh()
    assert (store.current, store.stale) == (None, True)
    assert "no champion" in (store.detail or "")
    place.promote(CANDIDATE)
    store.refresh()
    assert version(store) == bundle(CANDIDATE).version
    assert (store.stale, store.detail) == (False, None)


def test_another_champion_takes_over_and_the_way_back_loads_nothing(place: Place) -> None:
    place.promote(CANDIDATE)
    store = place.store()
    store.refresh()
    place.promote(BASELINE)
    store.refresh()
    assert version(store) == bundle(BASELINE).version
    assert store.previous is not None
    assert store.previous.model.version == bundle(CANDIDATE).version
    old, new = (
        {"model_version": made.version, "registry_version": "", "family": made.meta.family}
        for made in (bundle(CANDIDATE), bundle(BASELINE))
    )
    assert place.metric("churn_api_model_info", **old) == 0
    assert place.metric("churn_api_model_info", **new) == 1
    place.promote(CANDIDATE)
    shutil.rmtree(place.cache)
    store.refresh()
    assert version(store) == bundle(CANDIDATE).version
    assert len(place.built) == 2
    assert place.metric("churn_api_model_swaps_total") == 2


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    """Three different models; the third is the first under another card."""
    first, second, third = bundle_folder(CANDIDATE), bundle_folder(BASELINE), tmp_path / "third"
    made = bundle(CANDIDATE)
    write_bundle(
        third,
        model=(first / "model.onnx").read_bytes(),
        meta=made.meta,
        profile=made.profile,
        golden=json.loads((first / "golden_rows.json").read_text()),
        card="another one\n",
    )
    return {"A": first, "B": second, "C": third}


def test_of_three_champions_in_turn_the_named_one_serves(
    place: Place, models: dict[str, Path]
) -> None:
    digests = {name: load_bundle(folder).digest for name, folder in models.items()}
    assert len(set(digests.values())) == 3
    store = place.store()
    before = None
    for name in "ABCBACACB":
        copy_bundle(models[name], place.production)
        store.refresh()
        assert store.current is not None
        assert store.current.named.digest == store.current.model.bundle.digest == digests[name]
        assert (store.previous and store.previous.named.digest) == before
        assert place.cached() == {one[:12] for one in (digests[name], before) if one}
        before = digests[name]


def test_another_challenger_takes_the_place_of_the_one_before_and_stays_on_the_disk(
    place: Place, models: dict[str, Path]
) -> None:
    copy_bundle(models["A"], place.production)
    store = place.store(shadow=True)
    for name in "BC":
        copy_bundle(models[name], place.candidate)
        store.refresh()
        assert store.challenger is not None
        assert store.challenger.model.version == load_bundle(models[name]).version
    copy_bundle(models["B"], place.production)
    store.refresh()
    assert place.cached() == {load_bundle(folder).version for folder in models.values()}


def test_a_look_without_news_changes_nothing(place: Place) -> None:
    place.promote(CANDIDATE)
    store = place.store()
    store.refresh()
    before = store.current
    for _ in range(5):
        store.refresh()
    assert store.current is before
    assert place.metric("churn_api_model_swaps_total") == 0


def test_a_damaged_champion_is_refused_and_put_off_until_it_is_mended(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.promote(CANDIDATE)
    store = place.store(poll=1000)
    store.refresh()
    place.promote(BASELINE)
    model = place.production / "model.onnx"
    sound = model.read_bytes()
    model.write_bytes(sound[:-1] + b"x")
    for _ in range(3):
        store.refresh()
    assert version(store) == bundle(CANDIDATE).version
    assert store.stale
    assert "refused" in (store.detail or "")
    assert "model.onnx" in (store.detail or "")
    assert place.metric("churn_api_model_refusals_total", reason="damaged") == 1
    assert place.metric("churn_api_model_stale") == 1
    assert place.cached() == {bundle(CANDIDATE).version}
    model.write_bytes(sound)
    store.refresh()
    assert version(store) == bundle(CANDIDATE).version
    later = model_store.time.monotonic() + 1001
    monkeypatch.setattr(model_store.time, "monotonic", lambda: later)
    store.refresh()
    assert version(store) == bundle(BASELINE).version
    assert not store.stale


def test_refusals_are_tried_again_less_and_less_often(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.promote(CANDIDATE)
    (place.production / "model.onnx").write_bytes(b"x")
    store = place.store(poll=1.0)
    now = 0.0
    monkeypatch.setattr(model_store.time, "monotonic", lambda: now)
    tried = []
    for second in range(2000):
        now = float(second)
        before = place.metric("churn_api_model_refusals_total", reason="damaged")
        store.refresh()
        if place.metric("churn_api_model_refusals_total", reason="damaged") > before:
            tried.append(second)
    gaps = [b - a for a, b in itertools.pairwise(tried)]
    assert gaps[:6] == [1, 2, 4, 8, 16, 32]
    assert gaps == sorted(gaps)
    assert max(gaps) == 300


def test_a_model_whose_golden_rows_fail_as_a_request_is_unfit(place: Place) -> None:
    place.promote(CANDIDATE)
    store = place.store()
    store.refresh()
    place.promote(BASELINE)

    def refuse(made: Bundle, named: Named) -> Served:
        raise BundleError("golden row 3 is 0.2 away")

    store._build = refuse
    store.refresh()
    assert version(store) == bundle(CANDIDATE).version
    assert place.metric("churn_api_model_refusals_total", reason="unfit") == 1


def test_what_nobody_thought_of_is_logged_and_the_model_serves_on(place: Place) -> None:
    place.promote(CANDIDATE)
    store = place.store()
    store.refresh()
    place.promote(BASELINE)

    def explode(made: Bundle, named: Named) -> Served:
        raise RuntimeError("boom")

    store._build = explode
    store.refresh()
    assert version(store) == bundle(CANDIDATE).version
    assert place.metric("churn_api_model_refusals_total", reason="error") == 1
    assert "boom" not in (store.detail or "")


def test_after_a_restart_without_a_source_the_last_good_model_serves(place: Place) -> None:
    place.promote(CANDIDATE)
    place.store().refresh()
    shutil.rmtree(place.production)
    # A directory where the file must be: the source cannot be read.
    (place.production / SUMS).mkdir(parents=True)
    store = place.store()
    store.refresh()
    assert version(store) == bundle(CANDIDATE).version
    assert store.stale
    assert "last good" in (store.detail or "")
    assert place.metric("churn_api_model_source_up") == 0
    assert place.metric("churn_api_model_stale") == 1
    shutil.rmtree(place.production)
    place.promote(BASELINE)
    store.refresh()
    assert version(store) == bundle(BASELINE).version
    assert not store.stale
    assert place.metric("churn_api_model_source_up") == 1


def test_after_a_restart_with_a_refused_champion_the_last_good_model_serves(place: Place) -> None:
    place.promote(CANDIDATE)
    place.store().refresh()
    place.promote(BASELINE)
    (place.production / "bundle.json").write_bytes(b"{}")
    store = place.store()
    store.refresh()
    assert version(store) == bundle(CANDIDATE).version
    assert store.stale


def test_a_damaged_cache_is_fetched_anew_and_without_a_source_nothing_serves(place: Place) -> None:
    place.promote(CANDIDATE)
    place.store().refresh()
    cached = place.cache / bundle(CANDIDATE).digest
    (cached / "model.onnx").write_bytes(b"torn")
    store = place.store()
    store.refresh()
    assert version(store) == bundle(CANDIDATE).version
    assert not store.stale
    (cached / "model.onnx").write_bytes(b"torn")
    (place.production / SUMS).unlink()
    (place.production / SUMS).mkdir()
    lost = place.store()
    lost.refresh()
    assert lost.current is None
    assert "cannot be loaded" in (lost.detail or "")


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"digest": 5}', b"\xff"])
def test_a_damaged_note_of_the_last_good_model_is_no_end(place: Place, note: bytes) -> None:
    place.promote(CANDIDATE)
    place.store().refresh()
    (place.cache / "last_good.json").write_bytes(note)
    shutil.rmtree(place.production)
    store = place.store()
    store.refresh()
    assert store.current is None
    place.promote(CANDIDATE)
    store.refresh()
    assert version(store) == bundle(CANDIDATE).version
    noted = json.loads((place.cache / "last_good.json").read_bytes())
    assert noted == {"digest": bundle(CANDIDATE).digest, "number": None}


def test_a_champion_that_is_taken_away_serves_on(place: Place) -> None:
    place.promote(CANDIDATE)
    store = place.store()
    store.refresh()
    shutil.rmtree(place.production)
    store.refresh()
    assert version(store) == bundle(CANDIDATE).version
    assert store.stale


def test_workers_that_share_a_cache_do_not_hurt_each_other(place: Place) -> None:
    place.promote(CANDIDATE)
    stores = [place.store() for _ in range(4)]
    names = [BASELINE, CANDIDATE, BASELINE, CANDIDATE]
    for store in stores:
        store.refresh()
    for name in names:
        place.promote(name)
        threads = [threading.Thread(target=store.refresh) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # One may have come while another made room; the next look has it.
        for store in stores:
            store.refresh()
        assert {version(store) for store in stores} == {bundle(name).version}
        assert not any(store.stale for store in stores)
    assert not [entry for entry in place.cache.iterdir() if entry.name.startswith(".")]


def test_a_challenger_is_loaded_for_the_shadow_and_goes_when_it_is_champion(place: Place) -> None:
    place.promote(CANDIDATE)
    copy_bundle(bundle_folder(BASELINE), place.candidate)
    store = place.store(shadow=True)
    store.refresh()
    assert store.challenger is not None
    assert store.challenger.model.version == bundle(BASELINE).version
    place.promote(BASELINE)
    store.refresh()
    assert version(store) == bundle(BASELINE).version
    assert store.challenger is None
    (place.production / SUMS).unlink()
    place.promote(CANDIDATE)
    (place.candidate / "model.onnx").write_bytes(b"torn")
    fresh = Place(place.production.parent)
    fresh.cache = place.cache.with_name("other")
    alone = fresh.store(shadow=True)
    alone.refresh()
    assert (version(alone), alone.challenger) == (bundle(CANDIDATE).version, None)


def test_the_loop_follows_by_itself_and_close_ends_it(place: Place) -> None:
    place.promote(CANDIDATE)
    store = place.store()

    async def follow() -> str | None:
        store.refresh()
        task = asyncio.create_task(store.run())
        place.promote(BASELINE)
        for _ in range(1000):
            if version(store) == bundle(BASELINE).version:
                break
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return version(store)

    assert asyncio.run(follow()) == bundle(BASELINE).version
    store.close()
    place.promote(CANDIDATE)
    store.refresh()
    assert version(store) == bundle(BASELINE).version


def test_old_models_leave_the_disk(place: Place) -> None:
    place.promote(CANDIDATE)
    store = place.store()
    store.refresh()
    stranger = place.cache / ("0" * 64)
    stranger.mkdir()
    (place.cache / ".writing.999.0").mkdir()
    place.promote(BASELINE)
    store.refresh()
    assert place.cached() - {".writing.999"} == {bundle(n).version for n in (CANDIDATE, BASELINE)}


def test_a_folder_that_changes_while_it_is_copied_is_no_refusal(place: Place) -> None:
    place.promote(CANDIDATE)
    store = place.store()
    real = store.source.fetch

    def late(named: Named, to: Path) -> None:
        place.promote(BASELINE)
        real(named, to)

    store.source.fetch = late  # type: ignore[method-assign]
    store.refresh()
    assert store.current is None
    assert "changed while" in (store.detail or "")
    store.source.fetch = real  # type: ignore[method-assign]
    store.refresh()
    assert version(store) == bundle(BASELINE).version
    assert place.metric("churn_api_model_refusals_total", reason="mismatch") == 0


def test_what_the_source_holds_must_be_what_it_names(place: Place, tmp_path: Path) -> None:
    place.promote(CANDIDATE)
    store = place.store()

    def other(named: Named, to: Path) -> None:
        for file in bundle_folder(BASELINE).iterdir():
            shutil.copy(file, to)

    store.source.fetch = other  # type: ignore[method-assign]
    store.refresh()
    assert store.current is None
    assert place.metric("churn_api_model_refusals_total", reason="mismatch") == 1


def test_a_full_disk_refuses_the_new_one_and_serves_on(place: Place) -> None:
    place.promote(CANDIDATE)
    store = place.store()
    store.refresh()
    place.promote(BASELINE)

    def full(named: Named, to: Path) -> None:
        # What writing says where it really is full; the real thing is an integration test.
        raise OSError(28, "No space left on device")

    store.source.fetch = full  # type: ignore[method-assign]
    store.refresh()
    assert version(store) == bundle(CANDIDATE).version
    assert place.metric("churn_api_model_refusals_total", reason="disk") == 1
    assert not [entry for entry in place.cache.iterdir() if entry.name.startswith(".")]
