from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from structlog.testing import capture_logs

from churn_mlops.api import prediction_log as module
from churn_mlops.api.prediction_log import MOST_WAITING, PredictionLog
from churn_mlops.api.served import Served
from churn_mlops.params import PredictionLog as Settings
from tests.serving import ask, golden_request, workspace
from tests.trained import bundle, bundle_folder

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def served() -> Served:
    return Served(bundle("candidate"), 3, 100)


def settings(**over: Any) -> Settings:
    return Settings.model_validate({"share": 1.0, **over})


@contextmanager
def logging(folder: Path, **over: Any) -> Iterator[tuple[PredictionLog, Counter[str]]]:
    """A log, closed at the end, and what it has dropped."""
    drops: Counter[str] = Counter()

    def count(reason: str, rows: int) -> None:
        drops[reason] += rows

    log = PredictionLog(settings(**over), folder, "w1", count)
    try:
        yield log, drops
    finally:
        log.close()


def entry(served: Served, number: int = 0, **over: Any) -> dict[str, Any]:
    row, risk = served.bundle.golden[number % len(served.bundle.golden)]
    given = {
        "served": served,
        "request_id": f"r-{number}",
        "user_id": number,
        "snapshot_date": date(2025, 4, 30),
        "churn_risk": risk,
        "features": row,
    }
    return {**given, **over}


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"), key=lambda path: path.name)


def read(folder: Path) -> list[dict[str, Any]]:
    return [row for path in files(folder) for row in pq.read_table(path).to_pylist()]


def until(fact: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + 60
    while not fact() and time.monotonic() < end:
        time.sleep(0.01)
    assert fact()


def test_rows_come_back_as_they_were_asked(tmp_path: Path, served: Served) -> None:
    before = datetime.now(UTC)
    gaps = {"plan": None, "logins_7d": None, "is_paid": 3e38, "country": "é✓"}
    with logging(tmp_path / "new" / "folder") as (log, drops):
        log.add(entry(served))
        log.add(entry(served, 1, user_id="ann", snapshot_date=None, features=gaps))
        log.add(entry(served, 2, user_id="", features={}))
    (path,) = files(tmp_path / "new" / "folder")
    table = pq.read_table(path)
    whole, odd, empty = table.to_pylist()

    row, risk = served.bundle.golden[0]
    assert {name: whole[name] for name in served.names} == row
    assert whole["churn_risk"] == risk
    assert (whole["request_id"], whole["user_id"]) == ("r-0", "0")
    assert whole["snapshot_date"] == date(2025, 4, 30)
    assert before.timestamp() - 0.001 <= whole["asked_at"].timestamp() <= time.time()
    assert {name: odd[name] for name in gaps} == gaps
    assert all(odd[name] is None for name in served.names if name not in gaps)
    assert (odd["user_id"], odd["snapshot_date"]) == ("ann", None)
    assert all(empty[name] is None for name in served.names)
    assert {r["model_version"] for r in (whole, odd, empty)} == {served.version}
    assert drops == {}


def test_the_columns_have_the_types_of_the_contract(tmp_path: Path, served: Served) -> None:
    with logging(tmp_path) as (log, _):
        log.add(entry(served, features={}))
    schema = pq.read_schema(files(tmp_path)[0])
    features = {
        feature.name: pa.float64() if feature.kind == "numeric" else pa.string()
        for feature in served.bundle.meta.features
    }
    assert dict(zip(schema.names, schema.types, strict=True)) == {
        "request_id": pa.string(),
        "asked_at": pa.timestamp("ms", "UTC"),
        "user_id": pa.string(),
        "snapshot_date": pa.date32(),
        "churn_risk": pa.float64(),
        "model_version": pa.string(),
        **features,
    }
    assert schema.metadata[b"digest"].decode() == served.bundle.digest


def test_a_file_is_closed_when_it_is_full(tmp_path: Path, served: Served) -> None:
    with logging(tmp_path, rows_per_file=250) as (log, drops):
        for number in range(600):
            log.add(entry(served, number))
        until(lambda: len(files(tmp_path)) == 2)
    assert [pq.read_metadata(path).num_rows for path in files(tmp_path)] == [250, 250, 100]
    assert [row["user_id"] for row in read(tmp_path)] == [str(n) for n in range(600)]
    for number, path in enumerate(files(tmp_path), 1):
        name = rf"predictions-\d{{8}}T\d{{6}}\.\d{{3}}Z-w1-00000{number}\.parquet"
        assert re.fullmatch(name, path.name)
    assert drops == {}


def test_a_file_is_closed_when_its_time_is_up(tmp_path: Path, served: Served) -> None:
    with logging(tmp_path, seconds_per_file=0.2) as (log, _):
        log.add(entry(served))
        until(lambda: len(read(tmp_path)) == 1)
        log.add(entry(served))
        until(lambda: len(read(tmp_path)) == 2)
    assert len(files(tmp_path)) == 2


def test_another_champion_gets_another_file(tmp_path: Path, served: Served) -> None:
    other = Served(bundle("baseline"), 4, 100)
    with logging(tmp_path) as (log, _):
        for number in range(30):
            log.add(entry(served if number < 10 or number >= 20 else other, number))
    versions = [pq.read_table(path)["model_version"].to_pylist() for path in files(tmp_path)]
    assert versions == [[served.version] * 10, [other.version] * 10, [served.version] * 10]
    assert [row["user_id"] for row in read(tmp_path)] == [str(n) for n in range(30)]


def test_the_share_is_drawn() -> None:
    never = PredictionLog(settings(share=0.0), Path("unused"), "w", lambda *_: None)
    assert not never.on
    assert not any(never.wants() for _ in range(1_000))
    never.close()
    for share in (0.3, 1.0):
        log = PredictionLog(settings(share=share), Path("unused"), "w", lambda *_: None)
        drawn = sum(log.wants() for _ in range(20_000))
        log.close()
        assert log.on
        # Ten standard deviations.
        assert abs(drawn - 20_000 * share) <= 10 * (20_000 * share * (1 - share)) ** 0.5
    assert not Path("unused").exists()


def test_the_oldest_files_go(tmp_path: Path, served: Served) -> None:
    old = tmp_path / "predictions-20200101T000000.000Z-w0-000009.parquet"
    foreign = tmp_path / "notes.parquet"
    for path in (old, foreign):
        path.touch()
    with logging(tmp_path, rows_per_file=10, max_files=3) as (log, _):
        for number in range(95):
            log.add(entry(served, number))
    foreign.unlink()
    assert [row["user_id"] for row in read(tmp_path)] == [str(n) for n in range(70, 95)]


def test_what_ended_writers_left_unfinished_goes(tmp_path: Path, served: Served) -> None:
    left, fresh = (tmp_path / f".predictions-x-w0-{n}.parquet.part" for n in (1, 2))
    for path in (left, fresh):
        path.touch()
    os.utime(left, (time.time() - 3_700,) * 2)
    with logging(tmp_path) as (log, _):
        log.add(entry(served))
    assert not left.exists()
    assert fresh.exists()


def test_whoever_reads_sees_whole_files_only(tmp_path: Path, served: Served) -> None:
    seen = 0
    with logging(tmp_path, rows_per_file=7, max_files=10_000) as (log, drops):
        for number in range(1_400):
            log.add(entry(served, number))
        while len(found := files(tmp_path)) < 200:
            tables = [pq.read_table(path) for path in found[seen:]]
            assert all(table.num_rows == 7 for table in tables)
            seen = len(found)
    assert len(read(tmp_path)) == 1_400
    assert not list(tmp_path.glob(".*"))
    assert drops == {}


def test_a_writer_that_does_not_keep_up_costs_rows_not_memory(
    tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, goes_on, writing = module.write, threading.Event(), threading.Event()

    def slow(*given: Any) -> Any:
        writing.set()
        goes_on.wait()
        return write(*given)

    monkeypatch.setattr(module, "write", slow)
    count = MOST_WAITING + 2_000
    with logging(tmp_path, rows_per_file=500) as (log, drops):
        for number in range(500):
            log.add(entry(served, number))
        assert writing.wait(60)
        for number in range(500, count):
            log.add(entry(served, number))
            assert len(log._waiting) <= MOST_WAITING
        goes_on.set()
    assert drops == {"slow": 1_500}
    assert [row["user_id"] for row in read(tmp_path)] == [str(n) for n in range(count - 1_500)]


def test_a_folder_that_cannot_be_written_costs_rows_and_one_warning(
    tmp_path: Path, served: Served
) -> None:
    folder = tmp_path / "no-folder"
    folder.write_text("a file")
    with capture_logs() as logs, logging(folder, rows_per_file=100) as (log, drops):
        for number in range(2_050):
            log.add(entry(served, number))
            assert len(log._waiting) <= MOST_WAITING
            assert sum(table.num_rows for table in list(log._tables)) <= 100
        until(lambda: drops["disk"] == 2_000)
        folder.unlink()
        folder.mkdir()
        log.add(entry(served, 7_777))
    assert drops == {"disk": 2_000}
    assert len(read(folder)) == 51
    assert [line["event"] for line in logs] == ["predictions are not logged"]


def test_a_full_disk_leaves_nothing_behind_and_is_got_over(tmp_path: Path) -> None:
    # The limit of a file's size is this process's own full disk.
    program = f"""
        import resource, sys, time
        from pathlib import Path
        from churn_mlops.api.prediction_log import PredictionLog
        from churn_mlops.api.served import Served
        from churn_mlops.params import PredictionLog as Settings
        from churn_mlops.registry.bundle import load_bundle

        served = Served(load_bundle(Path({str(bundle_folder("candidate"))!r})), 1, 10)
        row, risk = served.bundle.golden[0]
        folder, drops = Path({str(tmp_path)!r}), []
        log = PredictionLog(
            Settings(share=1.0, rows_per_file=50), folder, "w", lambda *told: drops.append(told)
        )

        def add(count):
            for number in range(count):
                log.add(
                    dict(served=served, request_id="r", user_id=number, snapshot_date=None,
                         churn_risk=risk, features=row)
                )

        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
        add(150)
        while len(drops) < 3:
            time.sleep(0.01)
        assert drops == [("disk", 50)] * 3, drops
        assert list(folder.iterdir()) == []
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        add(60)
        log.close()
        assert len(drops) == 3
        print([name for name in ("pandas", "sklearn", "mlflow", "duckdb") if name in sys.modules])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    # Neither did it import what costs seconds.
    assert done.stdout.splitlines()[-1] == "[]"
    assert [pq.read_metadata(path).num_rows for path in files(tmp_path)] == [50, 10]


def test_after_closing_nothing_is_kept(tmp_path: Path, served: Served) -> None:
    with logging(tmp_path) as (log, drops):
        log.add(entry(served))
    log.add(entry(served))
    log.close()
    assert drops == {"slow": 1}
    assert len(read(tmp_path)) == 1


def test_the_api_logs_what_it_answers(tmp_path: Path) -> None:
    body, risk = golden_request()

    async def questions(client: httpx.AsyncClient) -> None:
        named = {"x-request-id": "one"}
        (await client.post("/predict", json=body, headers=named)).raise_for_status()
        rows = {"rows": [{**body, "user_id": f"u{n}"} for n in range(20)]}
        named = {"x-request-id": "many"}
        (await client.post("/predict/batch", json=rows, headers=named)).raise_for_status()
        refused = await client.post("/predict", json={"user_id": 1, "features": {"x": 1}})
        assert refused.status_code == 422

    params = workspace(tmp_path, prediction_log=settings().model_dump())
    ask(params, questions)
    found = read(Path(params.paths.artifacts) / "serving" / "predictions")
    assert [row["user_id"] for row in found] == ["17", *(f"u{n}" for n in range(20))]
    assert [row["request_id"] for row in found] == ["one", *["many"] * 20]
    assert all(row["churn_risk"] == pytest.approx(risk, abs=1e-6) for row in found)
    assert all(row["plan"] == body["features"]["plan"] for row in found)
