"""Looking users up while batches come and go."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest
from structlog.testing import capture_logs

from churn_mlops.api.schemas import ScoredUser
from churn_mlops.api.users import NoPredictionsError, UserStore, answer
from churn_mlops.errors import ChurnError, ContractError
from churn_mlops.inference.user_store import write_store
from churn_mlops.tables import Column, Contract

DAY = date(2025, 4, 30)
NAMES = {
    "user_id": "int64",
    "as_of_date": "date",
    "churn_risk": "float64",
    "risk_rank": "int64",
    "decision": "string",
    "reason_1": "string",
    "reason_2": "string",
    "reason_3": "string",
    "model_version": "string",
    "size": "float64",
    "plan": "string",
}


def put(path: Path, version: str = "v1", users: int = 3, ids: str = "int64", **over: Any) -> None:
    """A store whose rows all tell its version, in the first, middle and last columns."""
    types = NAMES | {"user_id": ids}
    rows = [
        {
            "user_id": n if ids == "int64" else f"0{n}",
            "as_of_date": DAY,
            "churn_risk": 0.25,
            "risk_rank": n,
            "decision": "contact",
            "reason_1": f"{version} " + "long away " * 20,
            "reason_2": None,
            "reason_3": "few logins",
            "model_version": version,
            "size": 1.5,
            "plan": version,
            **over,
        }
        for n in range(1, users + 1)
    ]
    shape = Contract("x", "y", ("risk_rank",), tuple(Column(n, t) for n, t in types.items()))
    table = pa.Table.from_pylist(rows, schema=ibis.schema(types).to_pyarrow())
    write_store(table.to_batches(), shape, path, DAY, version)


def versions(found: dict[str, Any] | None) -> set[str]:
    """Every version that an answer tells."""
    assert found is not None
    return {found["model_version"], found["plan"], found["reasons"][0].split()[0]}


def test_of_two_places_the_first_counts_and_is_kept_to(tmp_path: Path) -> None:
    own, copy = tmp_path / "own", tmp_path / "copy"
    put(copy, "yesterday")
    users = UserStore(own, copy)
    assert versions(users.get("1")) == {"yesterday"}
    put(own, "today")
    assert versions(users.get("1")) == {"today"}
    own.unlink()
    assert versions(users.get("1")) == {"today"}, "what is open stays while it is away"


def test_the_answer_is_that_of_the_schema(tmp_path: Path) -> None:
    put(tmp_path / "s")
    found = UserStore(tmp_path / "s").get("2")
    assert found == {
        "user_id": 2,
        "as_of_date": "2025-04-30",
        "churn_risk": 0.25,
        "risk_rank": 2,
        "decision": "contact",
        "reasons": ["v1 " + "long away " * 20, "few logins"],
        "model_version": "v1",
        "size": 1.5,
        "plan": "v1",
    }
    assert ScoredUser.model_validate_json(json.dumps(found)).as_of_date == DAY


def test_ids_that_are_text_stay_text(tmp_path: Path) -> None:
    put(tmp_path / "s", ids="string")
    store = UserStore(tmp_path / "s")
    found = store.get("02")
    assert found is not None
    assert found["user_id"] == "02"
    assert store.get("2") is None


@pytest.mark.parametrize(
    "odd", ["02", "", "4", "\x00", "2\x00", "\ud800", "é" * 100_000, "../2", "2;", "%32", "💥"]
)
def test_odd_ids_are_nobody(tmp_path: Path, odd: str) -> None:
    put(tmp_path / "s")
    assert UserStore(tmp_path / "s").get(odd) is None


def test_without_reasons_the_list_is_empty_and_infinity_is_null() -> None:
    row = {"reason_1": None, "reason_2": None, "reason_3": None, "size": math.inf}
    assert answer(row) == {"reasons": [], "size": None}


def test_without_a_file_the_way_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path / "none/below"):
        with pytest.raises(NoPredictionsError) as caught:
            UserStore(path).get("1")
        assert caught.value.message == "no batch predictions yet; run `churn batch-score`"
    assert isinstance(caught.value, ChurnError)


def test_the_first_batch_and_every_other_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    store = UserStore(path)
    with pytest.raises(NoPredictionsError):
        store.get("1")
    for n in range(50):
        put(path, f"v{n}", users=1 + n % 2)
        assert versions(store.get("1")) == {f"v{n}"}
        assert (store.get("2") is None) == (n % 2 == 0)


@pytest.mark.parametrize("content", [b"", b"user_id,churn_risk\n", b"SQLite format 3\x00" * 300])
def test_a_damaged_file_is_named_until_a_sound_one_comes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s"
    path.write_bytes(content)
    store = UserStore(path)
    for _ in range(2):
        with pytest.raises(ContractError, match="not a sound store of predictions"):
            store.get("1")
    put(path)
    assert versions(store.get("1")) == {"v1"}


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_the_open_store_outlives_a_missing_or_damaged_file(
    tmp_path: Path, content: bytes | None
) -> None:
    path, bad = tmp_path / "s", tmp_path / "bad"
    put(path)
    store = UserStore(path)
    assert versions(store.get("1")) == {"v1"}
    if content is None:
        path.unlink()
    else:
        bad.write_bytes(content)
        os.replace(bad, path)
    with capture_logs() as logs:
        for _ in range(5):
            assert versions(store.get("1")) == {"v1"}
            assert store.get("9") is None
    (entry,) = logs
    assert (entry["log_level"], entry["as_of_date"]) == ("warning", "2025-04-30")
    assert ("no batch" if content is None else "not a sound store") in entry["reason"]
    put(path, "v2")
    with capture_logs() as logs:
        assert versions(store.get("1")) == {"v2"}
    assert not logs


def test_an_open_file_that_is_written_over_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    put(path, users=500)
    store = UserStore(path)
    store.get("1")
    whole = path.read_bytes()
    path.write_bytes(whole[:-4_096])
    with pytest.raises(ContractError, match="not a sound store"):
        store.get("1")
    path.write_bytes(whole)
    assert versions(store.get("500")) == {"v1"}


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_links_into_a_cache_are_followed(tmp_path: Path, link: Any) -> None:
    """As DVC puts its outputs in place when its cache.type says so."""
    path = tmp_path / "s"
    store = UserStore(path)
    for version in ("v1", "v2", "v1"):
        cached = tmp_path / f"cache-{version}"
        if not cached.exists():
            put(cached, version)
            cached.chmod(0o444)
        path.unlink(missing_ok=True)
        link(cached, path)
        assert versions(store.get("2")) == {version}


def test_threads_never_see_a_mixture(tmp_path: Path) -> None:
    path = tmp_path / "s"
    for n in range(2):
        put(tmp_path / f"v{n}", f"v{n}", users=300 * (n + 1))
    shutil.copy(tmp_path / "v0", path)
    shared, stop = UserStore(path), threading.Event()

    def read(store: UserStore) -> set[str]:
        seen = set()
        while not stop.is_set():
            for user in ("1", "150", "300"):
                (version,) = versions(store.get(user))
                seen.add(version)
        return seen

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read, s) for s in (shared, shared, UserStore(path), shared)]
        try:
            for n in range(400):
                shutil.copy(tmp_path / f"v{n % 2}", tmp_path / "next")
                os.replace(tmp_path / "next", path)
        finally:
            stop.set()
        assert set().union(*(reader.result() for reader in readers)) == {"v0", "v1"}
    assert versions(shared.get("1")) == {"v1"}


def _read_until_stopped(path: Path, stop: Any, answers: Any) -> None:
    store, seen = UserStore(path), 0
    while not stop.is_set():
        (version,) = versions(store.get(str(1 + seen % 50)))
        # A new batch never gives way to an older one.
        assert int(version) >= seen
        seen = int(version)
    answers.put((seen, versions(store.get("50"))))


def test_processes_see_whole_batches_in_their_order(tmp_path: Path) -> None:
    path, last = tmp_path / "s", 200
    put(path, "0", users=50)
    context = multiprocessing.get_context("spawn")
    stop, answers = context.Event(), context.Queue()
    readers = [
        context.Process(target=_read_until_stopped, args=(path, stop, answers)) for _ in range(2)
    ]
    for reader in readers:
        reader.start()
    try:
        for n in range(1, last + 1):
            put(path, str(n), users=50 + n % 3)
    finally:
        stop.set()
    found = [answers.get(timeout=60) for _ in readers]
    for reader in readers:
        reader.join(60)
    assert [reader.exitcode for reader in readers] == [0, 0]
    assert [final for _, final in found] == [{str(last)}] * 2


@pytest.mark.parametrize("module", ["churn_mlops.api.users", "churn_mlops.api.app"])
def test_the_engine_is_not_imported(module: str) -> None:
    code = (
        f"import sys; import {module};"
        "bad = {'ibis', 'duckdb', 'pandas', 'pyarrow', 'sklearn', 'mlflow'} & set(sys.modules);"
        "assert not bad, bad"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
