"""One stage at one size, as a process of its own: the row that is written about it."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import process_tree
import pyarrow.dataset as ds
import spark_events
import workspace

# Codes with which a stage has done its work: drift-check's are verdicts.
DONE = {"drift-check": (0, 2, 3)}
# Tables of one day carry it in their names.
DATED = re.compile(r"_?\d{4}-\d\d-\d\d(_[0-9a-f]+)?$")
# What this process was told of the cluster must not reach the stages by itself.
OWN = ("CHURN__", "SPARK_", "PYSPARK_", "TMPDIR")


@dataclass(frozen=True)
class Setting:
    """What is measured: the wanted user-days, by which engine with how many cores, which time.

    `told` is written into each row as it is (limits, days); `environment` goes to the stage.
    `processes` work for it from outside, those of the cluster with their files in a folder.
    """

    size: int
    engine: str
    cores: int
    run: int
    told: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    processes: tuple[int, ...] = ()
    cluster: Path | None = None
    limit_seconds: float = 3600.0

    def key(self, stage: str) -> tuple[Any, ...]:
        """What tells rows apart."""
        return (self.size, self.engine, self.cores, stage, self.run)


def key_of(row: dict[str, Any]) -> tuple[Any, ...]:
    """The key of a row that was read back."""
    return (row["size"], row["engine"], row["cores"], row["stage"], row["run"])


@contextmanager
def folder_for_now(below: Path) -> Iterator[Path]:
    """An empty folder that vanishes, on the disk that is measured."""
    below.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=below))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(stage: str, folder: Path, setting: Setting) -> dict[str, Any]:
    """Run a stage in a workspace and say what it took; a failure is a row, too."""
    with folder_for_now(folder / "tmp") as own:
        temporary, events = own / "tmp", own / "events"
        temporary.mkdir()
        events.mkdir()
        bin_folder = str(Path(sys.executable).parent)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(OWN)}
        environment |= {"PATH": f"{bin_folder}:{environment['PATH']}", "TMPDIR": str(temporary)}
        environment |= setting.environment
        if setting.engine == "spark":
            conf = json.loads(environment["CHURN__SPARK__CONF"]) | spark_events.conf(events)
            environment["CHURN__SPARK__CONF"] = json.dumps(conf)
            environment["SPARK_LOCAL_DIRS"] = str(temporary)
        out = own / "stdout"
        used = process_tree.measured(
            ["churn", stage, "--json"],
            folder,
            environment,
            out,
            setting.processes,
            lambda: _scratch(temporary, setting.cluster),
            setting.limit_seconds,
        )
        row = _row(stage, setting, used)
        if used.exit_code not in DONE.get(stage, (0,)):
            said = out.with_suffix(".err").read_text()[-2000:].strip()
            return row | {"failed": said or f"ended with code {used.exit_code}, without a word"}
        told = json.loads(out.read_text().splitlines()[-1])
        spark = spark_events.totals(events) if setting.engine == "spark" else {}
    tables = _tables(folder / path for path in told["outputs"])
    return row | {"tables": tables, "counted": told["rows"]} | spark


def _scratch(temporary: Path, cluster: Path | None) -> list[Path]:
    """Where engines put what has no room in memory; the folders come and go."""
    of_workers = cluster.glob("*/local") if cluster else ()
    return [*temporary.glob("churn-spill-*"), *temporary.glob("blockmgr-*"), *of_workers]


def _row(stage: str, setting: Setting, used: process_tree.Usage) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "size": setting.size,
        "engine": setting.engine,
        "cores": setting.cores,
        "stage": stage,
        "run": setting.run,
        "seconds": round(used.seconds, 3),
        "cpu_seconds": round(used.cpu_seconds, 2),
        "peak_memory_bytes": used.peak_memory_bytes,
        "python_workers_bytes": used.others_python_bytes,
        "driver_bytes_read": used.own_bytes_read,
        "bytes_read": used.bytes_read,
        "bytes_written": used.bytes_written,
        "storage_bytes_read": used.storage_bytes_read,
        "storage_bytes_written": used.storage_bytes_written,
        "scratch_peak_bytes": used.scratch_peak_bytes,
    } | setting.told


def _tables(outputs: Iterable[Path]) -> dict[str, dict[str, int]]:
    """Rows and bytes on disk of every Parquet table among the outputs."""
    found = {}
    for path in outputs:
        if path.suffix == ".parquet":
            files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
            parts = [str(file) for file in files if file.suffix == ".parquet"]
            name = DATED.sub("", path.stem) or path.parent.name
            found[name] = {
                "rows": ds.dataset(parts, format="parquet").count_rows(),
                "bytes": sum(file.stat().st_size for file in files),
                "files": len(parts),
            }
    return found


def workspace_with_raw(folder: Path, raw: Path, artifacts: Path) -> Path:
    """A workspace that shares raw tables with others (hard links) and has a champion.

    One that an earlier, unfinished run has left is taken as it is.
    """
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        workspace.make(folder)
        shutil.copytree(raw, folder / "data", copy_function=os.link)
        shutil.copytree(artifacts, folder / "artifacts")
        (folder / "made").mkdir()
    return folder
