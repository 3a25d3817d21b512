"""What was predicted is kept beside DVC's outputs, and checked whenever it is read."""

from __future__ import annotations

import json
import os
import shutil
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from churn_mlops.errors import ContractError, NotEnoughDataError
from churn_mlops.inference import kept as module
from churn_mlops.inference.kept import COLUMNS, keep, keep_latest, kept, meaning_of
from churn_mlops.inference.predictions import latest_path
from churn_mlops.params import Churn, Params, load
from churn_mlops.registry import champion
from churn_mlops.registry.bundle import copy_bundle
from churn_mlops.registry.champion import production_folder
from tests.trained import bundle, bundle_folder
from tests.watched import day, score, watched

DAY = date(2025, 4, 30)


def rows(**over: object) -> pa.Table:
    body = {
        "user_id": pa.array([1, 2, 3]),
        "as_of_date": pa.array([DAY] * 3),
        "churn_risk": pa.array([0.9, 0.5, 0.0]),
        "decision": pa.array(["contact", "hold_out", "none"]),
        "model_version": pa.array(["abc123"] * 3),
    }
    return pa.table(body | over)


@pytest.fixture
def params(tmp_path: Path) -> Params:
    return Params.model_validate({"paths": {"data": str(tmp_path / "data")}})


def put_latest(params: Params, text: str) -> None:
    latest_path(params).parent.mkdir(parents=True, exist_ok=True)
    latest_path(params).write_text(text)


HEAD = ",".join(COLUMNS)
LINE = "1,2025-04-30,0.5,contact,abc123"


def test_a_kept_batch_reads_back_and_the_same_rows_are_the_same_bytes(params: Params) -> None:
    one = keep(rows().to_batches(), params, DAY, "abc123", params.churn)
    before = one.path.read_bytes()
    batch = one.read()
    assert (batch.day, batch.version, len(batch)) == (DAY, "abc123", 3)
    assert batch.users.to_pylist() == [1, 2, 3]
    assert batch.risks.tolist() == [0.9, 0.5, 0.0]
    assert batch.decisions.tolist() == ["contact", "hold_out", "none"]
    assert batch.meaning == meaning_of(params.churn)
    parts = [rows().slice(n, 1).to_batches()[0] for n in range(3)]
    assert keep(parts, params, DAY, "abc123", params.churn).read().users == batch.users
    keep(rows().to_batches(), params, DAY, "abc123", params.churn)
    assert one.path.read_bytes() == before
    assert [p.name for p in one.path.parent.iterdir()] == ["2025-04-30_abc123.parquet"]


def test_batches_are_listed_by_day_and_foreign_files_passed_over(params: Params) -> None:
    for n, version in ((2, "b"), (1, "b"), (1, "a")):
        made = rows(
            as_of_date=pa.array([date(2025, 1, n)] * 3), model_version=pa.array([version] * 3)
        )
        keep(made.to_batches(), params, date(2025, 1, n), version, params.churn)
    (module.folder(params) / "notes.parquet").write_text("mine")
    (module.folder(params) / ".2025-01-01_c.parquet.writing").write_text("")
    found = [(one.day.day, one.version) for one in kept(params)]
    assert found == [(1, "a"), (1, "b"), (2, "b")]


def test_nothing_kept_yet_is_an_empty_list(params: Params) -> None:
    assert kept(params) == []


def test_a_batch_that_breaks_off_leaves_the_old_one(params: Params) -> None:
    one = keep(rows().to_batches(), params, DAY, "abc123", params.churn)

    def broken():
        yield rows().to_batches()[0]
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        keep(broken(), params, DAY, "abc123", params.churn)
    assert len(one.read()) == 3
    assert len(list(one.path.parent.iterdir())) == 1


def test_all_events_may_make_a_day_active() -> None:
    assert meaning_of(Churn(active_events=None))["active_events"] is None
    assert json.dumps(meaning_of(Churn())) != json.dumps(meaning_of(Churn(window_days=7)))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_bytes(b"PAR1 no"), "is no kept batch"),
        (lambda path: path.write_bytes(b""), "is no kept batch"),
        (lambda path: pq.write_table(rows(), path), "is no kept batch"),
        (
            lambda path: shutil.copy(path, path.with_name("2025-05-01_abc123.parquet")),
            "its own name",
        ),
    ],
)
def test_a_spoilt_file_is_named(params: Params, spoil, words: str) -> None:
    one = keep(rows().to_batches(), params, DAY, "abc123", params.churn)
    spoil(one.path)
    with pytest.raises(ContractError, match=words) as caught:
        [each.read() for each in kept(params)]
    assert "data/scored" in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_scoring_keeps_what_it_wrote(tmp_path: Path, form: str) -> None:
    params = watched(tmp_path, tables={"format": form}, scoring={"top_k": 20, "holdout_share": 0.5})
    score(params, [80, 81, 80])
    assert [one.day for one in kept(params)] == [day(80), day(81)]
    latest = keep_latest(params)
    batch = latest.read()
    assert (latest.day, latest.version) == (day(80), bundle().version)
    table = module._read_latest(latest_path(params), params).sort_by("user_id")
    assert table["user_id"].to_pylist() == batch.users.to_pylist()
    assert np.array_equal(table["churn_risk"].to_numpy(), batch.risks)
    assert table["decision"].to_pylist() == batch.decisions.tolist()
    assert set(batch.decisions) == {"contact", "hold_out", "none"}


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_the_cache_brought_back_is_kept_as_if_it_had_been_scored(
    tmp_path: Path, form: str
) -> None:
    params = watched(tmp_path, tables={"format": form})
    score(params, [85])
    (one,) = kept(params)
    before = one.path.read_bytes()
    shutil.rmtree(one.path.parent)
    assert keep_latest(params) == one
    assert one.path.read_bytes() == before


def test_what_a_batch_means_by_churn_is_what_its_model_does(tmp_path: Path, monkeypatch) -> None:
    """Not what the parameters say by the time it is kept."""
    params = watched(tmp_path)
    score(params, [85])
    (one,) = kept(params)
    before = one.path.read_bytes()
    one.path.unlink()
    tree = params.model_dump(mode="json")
    del tree["churn"]["window_days"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree))
    monkeypatch.setenv("CHURN__CHURN__WINDOW_DAYS", "5")
    changed = load(tmp_path / "params.yaml")
    assert changed.churn.window_days == 5
    assert keep_latest(changed).read().meaning == meaning_of(bundle().meta.label)
    assert one.path.read_bytes() == before


def test_a_batch_of_another_model_is_not_kept_late(tmp_path: Path) -> None:
    params = watched(tmp_path)
    score(params, [85])
    (one,) = kept(params)
    copy_bundle(bundle_folder("candidate"), production_folder(params))
    assert keep_latest(params) == one
    one.path.unlink()
    with pytest.raises(ContractError, match=f"of the model {bundle().version}; the") as caught:
        keep_latest(params)
    assert caught.value.fix == "score with the champion: `dvc repro batch_score`"
    assert kept(params) == []


def test_two_processes_do_not_tear_each_others_file(params: Params, monkeypatch) -> None:
    """The other one starts, finishes or fails while this one writes."""
    other = os.getpid() + 1
    beside = module.folder(params) / f".{DAY}_abc123.parquet.{other}.writing"

    def slow():
        yield rows().to_batches()[0]
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: other)
            keep(rows().slice(0, 1).to_batches(), params, DAY, "abc123", params.churn)
        beside.write_bytes(b"of the other one")

    one = keep(slow(), params, DAY, "abc123", params.churn)
    assert len(one.read()) == 3
    assert beside.read_bytes() == b"of the other one"


def test_text_ids_keep_their_zeros(params: Params, monkeypatch) -> None:
    model = SimpleNamespace(version="abc123", meta=SimpleNamespace(label=params.churn))
    monkeypatch.setattr(champion, "load_champion", lambda _: model)
    tree = params.model_dump()
    tree["data"]["user_id"] = "text"
    text = Params.model_validate(tree)
    put_latest(text, f"{HEAD}\n007{LINE[1:]}\n08{LINE[1:]}\n")
    assert keep_latest(text).read().users.to_pylist() == ["007", "08"]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        (None, ContractError, "there is no .*batch_predictions_latest.csv"),
        ("", ContractError, "cannot be read"),
        (f"{HEAD}\n", NotEnoughDataError, "has no users"),
        (f"{HEAD}\n{LINE.replace('0.5', 'high')}\n", ContractError, "cannot be read"),
        (f"{HEAD}\n{LINE.replace('0.5', '1.2')}\n", ContractError, "1 of 1 risks are no prob"),
        (f"{HEAD}\n{LINE.replace('0.5', '-0.1')}\n", ContractError, "between 0 and 1"),
        (f"{HEAD}\n{LINE.replace('0.5', 'nan')}\n", ContractError, "between 0 and 1"),
        (f"{HEAD}\n{LINE.replace('0.5', '')}\n", ContractError, "between 0 and 1"),
        (f"{HEAD}\n{LINE}\n{LINE}\n", ContractError, "a user twice"),
        (f"{HEAD}\n{LINE}\n2{LINE[1:].replace('04-30', '05-01')}\n", ContractError, "as_of_date"),
        (f"{HEAD}\n{LINE}\n2{LINE[1:].replace('abc', 'def')}\n", ContractError, "model_version"),
        ("user_id,churn_risk\n1,0.5\n", ContractError, "cannot be read"),
        (f"{HEAD}\nx{LINE[1:]}\n", ContractError, "cannot be read"),
    ],
)
def test_latest_predictions_that_are_none_say_what_to_do(
    params: Params, text: str | None, error: type[Exception], words: str
) -> None:
    if text is not None:
        put_latest(params, text)
    with pytest.raises(error, match=words) as caught:
        keep_latest(params)
    assert "score" in caught.value.fix
    assert kept(params) == []


def test_dvc_neither_removes_nor_caches_what_is_kept() -> None:
    root = Path(__file__).parents[3]
    stages = yaml.safe_load((root / "dvc.yaml").read_text())["stages"].values()
    outs = [str(out) for stage in stages for out in stage["outs"]]
    assert not any("scored" in out for out in outs)
    assert "/data/" in (root / ".gitignore").read_text().splitlines()
