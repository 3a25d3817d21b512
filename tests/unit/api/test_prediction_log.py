from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_mlops import params
from churn_mlops.api.prediction_log import Entry, PredictionLog
from churn_mlops.api.served import Served
from tests.trained import bundle

BEGIN = datetime(2025, 4, 30, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def served() -> Served:
    return Served(bundle("candidate"), 3, 10)


def entry(served: Served, number: int, **features: Any) -> Entry:
    row = {**served.bundle.golden[number % 20][0], **features}
    return Entry(
        served,
        BEGIN + timedelta(milliseconds=number),
        f"r-{number}",
        number,
        date(2025, 4, 30) if number % 2 else None,
        row,
        0.25,
    )


class Log(PredictionLog):
    """A log that counts what it drops."""

    def __init__(self, folder: Path, worker: str = "1", **settings: Any) -> None:
        self.dropped: Counter[str] = Counter()
        given = params.PredictionLog(**{"share": 1.0, **settings})
        super().__init__(given, folder, worker, self.count)

    def count(self, reason: str, rows: int) -> None:
        self.dropped[reason] += rows


def read(folder: Path) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in sorted(folder.glob("*.parquet")))


def test_what_was_asked_and_answered_can_be_read_back(served: Served, tmp_path: Path) -> None:
    log = Log(tmp_path / "log", rows_per_file=4)
    for number in range(10):
        log.add(entry(served, number))
    log.close()
    table = read(tmp_path / "log")
    assert [path.name.count("-") for path in (tmp_path / "log").iterdir()] == [3, 3, 3]
    assert table["user_id"].to_pylist() == [str(number) for number in range(10)]
    assert table["request_id"].to_pylist()[3] == "r-3"
    assert table["asked_at"].to_pylist()[0] == BEGIN
    assert table["snapshot_date"].to_pylist()[:2] == [None, date(2025, 4, 30)]
    assert set(table["model_version"].to_pylist()) == {served.version}
    assert set(table.column_names) == {
        *("request_id", "asked_at", "user_id", "snapshot_date", "churn_risk", "model_version"),
        *served.names,
    }
    for number, row in enumerate(table.to_pylist()):
        for name, value in entry(served, number).features.items():
            assert row[name] == value, name
    assert not log.dropped


def test_another_model_begins_another_file(served: Served, tmp_path: Path) -> None:
    other = Served(bundle("baseline"), 4, 10)
    log = Log(tmp_path, rows_per_file=100)
    for number in range(6):
        log.add(entry(served if number < 2 else other, number))
    log.close()
    versions = [set(pq.read_table(p)["model_version"].to_pylist()) for p in tmp_path.iterdir()]
    assert sorted(map(sorted, versions)) == sorted([[served.version], [other.version]])
    assert len(read(tmp_path)) == 6


def test_a_file_is_closed_when_it_is_old_enough(served: Served, tmp_path: Path) -> None:
    log = Log(tmp_path, rows_per_file=1000, seconds_per_file=0.05)
    log.add(entry(served, 1))
    for _ in range(400):
        if list(tmp_path.glob("*.parquet")):
            break
        threading.Event().wait(0.01)
    assert len(read(tmp_path)) == 1
    log.close()


def test_the_oldest_files_go_also_those_of_other_workers(served: Served, tmp_path: Path) -> None:
    first, second = Log(tmp_path, "1", rows_per_file=1), Log(tmp_path, "2", rows_per_file=1)
    second._settings = first._settings = first._settings.model_copy(update={"max_files": 3})
    for number in range(10):
        log = (first, second)[number % 2]
        log.add(entry(served, number))
        # One after the other, as time goes by.
        log.close()
        log._thread, log._ending = None, False
    assert read(tmp_path)["request_id"].to_pylist() == ["r-7", "r-8", "r-9"]


def test_whoever_reads_never_sees_half_a_file(served: Served, tmp_path: Path) -> None:
    log = Log(tmp_path, rows_per_file=5, max_files=1000)
    writer = threading.Thread(target=lambda: [log.add(entry(served, n)) for n in range(300)])
    writer.start()
    seen = 0
    while writer.is_alive() or seen < 5:
        for path in tmp_path.glob("*.parquet"):
            assert len(pq.read_table(path)) <= 5
            seen += 1
    writer.join()
    log.close()
    assert len(read(tmp_path)) + log.dropped["slow"] == 300
    assert not list(tmp_path.glob(".*"))


def test_without_a_place_rows_are_dropped_and_the_memory_is_bounded(
    served: Served, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    log = Log(tmp_path / "file", rows_per_file=10)
    for number in range(1000):
        log.add(entry(served, number))
        assert len(log._waiting) <= 40
    log.close()
    assert log.dropped["disk"] + log.dropped["slow"] == 1000
    assert log.dropped["disk"] > 0


def test_a_share_is_drawn(tmp_path: Path) -> None:
    assert not any(Log(tmp_path, share=0.0).wants() for _ in range(100))
    assert all(Log(tmp_path, share=1.0).wants() for _ in range(100))
    drawn = sum(Log(tmp_path, share=0.25).wants() for _ in range(4000))
    assert 800 < drawn < 1200


def test_a_full_disk_costs_rows_only(tmp_path: Path) -> None:
    """A process whose files may not grow beyond 4 KB, which is what a full disk looks like."""
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
from pathlib import Path
from tests.unit.api.test_prediction_log import Log, entry
from churn_mlops.api.served import Served
from churn_mlops.registry.bundle import load_bundle
import resource, signal
served = Served(load_bundle(Path({str(_bundle_folder())!r})), 3, 10)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
log = Log(Path({str(tmp_path)!r}), rows_per_file=50)
for number in range(50):
    log.add(entry(served, number))
log.close()
print(dict(log.dropped))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "{'disk': 50}", done.stderr
    assert list(tmp_path.iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 4096
    assert signal.getsignal(signal.SIGXFSZ) is not None


def _bundle_folder() -> Path:
    from tests.trained import bundle_folder

    return bundle_folder("candidate")
