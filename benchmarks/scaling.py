"""What every stage takes at growing sizes, with DuckDB and with Spark on a standalone cluster.

Usage: python benchmarks/scaling.py --results FILE --user-days 10k --user-days 1M
           [--engine duckdb] [--engine spark] [--runs 3] [--resume] [--keep FOLDER]
       python benchmarks/scaling.py --results FILE [--results FILE ...] --write-figures
       python benchmarks/scaling.py --write-docs

Each stage is a process of its own, its tables are Parquet, the portal has 120 days. A line of JSON
per size, engine, stage and run goes to the results file as soon as it is known, so a run that is
stopped loses nothing, and --resume goes on behind it. process_tree.py says what is counted. The
raw tables are made once per size, by DuckDB; every engine reads the same ones. One champion,
trained on 2,000 users, scores at all sizes: the features are the same.

For Spark a master and workers of one core each are started here, as processes on loopback. Their
memory and that of executors and Python workers counts with the driver's.

--write-figures makes src/churn_mlops/planning/figures.json of results, --write-docs fills the
generated part of docs/scaling.md from it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyspark
import workspace
from scaling_figures import write_docs, write_figures
from scaling_stage import Setting, key_of, measure, workspace_with_raw

sys.path.insert(0, str(workspace.ROOT))
from tests import spark_cluster

from churn_mlops.planning.model import SOURCE as FIRST
from churn_mlops.planning.model import STAGES

DAYS = 120
# Four fifths of the synthetic users are there from the first day on, the others sign up later.
ROWS_PER_USER = 0.9 * DAYS
SIZES = ("10k", "100k", "1M", "12M", "60M", "120M")
UNITS = {"k": 1_000, "M": 1_000_000}
TRAINED_ON_USERS = 2_000


def user_days(text: str) -> int:
    """``12M`` is 12,000,000."""
    return int(float(text[:-1]) * UNITS[text[-1]]) if text[-1] in UNITS else int(text)


def common(size: int, args: argparse.Namespace) -> dict[str, str]:
    """Overrides that both engines have."""
    return workspace.overrides(
        data__synthetic__users=max(round(size / ROWS_PER_USER), 1),
        data__synthetic__days=DAYS,
        tables__format="parquet",
        duckdb__memory_limit=args.memory_limit,
        duckdb__threads=args.threads,
    ) | dict(pair.split("=", 1) for pair in args.set)


def duckdb_setting(size: int, run: int, args: argparse.Namespace) -> Setting:
    """The embedded engine."""
    told = {"memory_limit": args.memory_limit, "days": DAYS}
    limit = args.stage_hours * 3600
    return Setting(size, "duckdb", args.threads, run, told, common(size, args), limit_seconds=limit)


@contextmanager
def on_cluster(setting: Setting, folder: Path, args: argparse.Namespace) -> Iterator[Setting]:
    """A cluster of its own, so that no run inherits another's files or warm workers."""
    place = Path(tempfile.mkdtemp(prefix="cluster-", dir=folder))
    heaps = {"executor_memory": args.executor_memory, "driver_memory": args.driver_memory}
    conf = {f"spark.{name.replace('_', '.')}": size for name, size in heaps.items()}
    conf |= dict(pair.split("=", 1) for pair in args.spark_conf)
    try:
        with spark_cluster.running(place, setting.cores, args.worker_memory) as cluster:
            environment = cluster.environment() | workspace.overrides(
                engine="spark", spark__master=cluster.master_url, spark__conf=json.dumps(conf)
            )
            yield replace(
                setting,
                told=setting.told | heaps,
                environment=setting.environment | environment,
                processes=tuple(process.pid for process in cluster.processes),
                cluster=place,
            )
    finally:
        shutil.rmtree(place, ignore_errors=True)


class Results:
    """The file of lines, and what stands in it already."""

    def __init__(self, path: Path, resume: bool) -> None:
        self.path = path
        self.done: set[tuple[Any, ...]] = set()
        if resume and path.exists():
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            self.done = {key_of(row) for row in rows if "failed" not in row}
        elif path.exists():
            sys.exit(f"{path} is there already: --resume goes on with it")
        self.machine = f"{workspace.machine()}, Spark {pyspark.__version__}"
        self.commit = _commit()

    def add(self, row: dict[str, Any]) -> None:
        """Write a row down, at once."""
        whole = row | {"machine": self.machine, "commit": self.commit}
        with self.path.open("a") as file:
            file.write(json.dumps(whole) + "\n")
        self.done.add(key_of(row))
        spilled = max(row["scratch_peak_bytes"], row.get("disk_spilled_bytes", 0))
        print(
            f"{row['size']:>11,} {row['engine']:<7} {row['cores']} {row['stage']:<20}"
            f" {row['seconds']:9.1f} s {row['peak_memory_bytes'] / 1e6:8,.0f} MB"
            f" {spilled / 1e6:8,.0f} MB on scratch" + ("  FAILED" if "failed" in row else ""),
            flush=True,
        )


def _commit() -> str:
    ask = ["git", "-C", str(workspace.ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()


def champion(base: Path, args: argparse.Namespace) -> Path:
    """The artifacts of one small training; made once for a folder that is kept."""
    folder = base / "champion"
    if not (folder / "artifacts" / "production").exists():
        shutil.rmtree(folder, ignore_errors=True)
        environment = workspace.overrides(
            data__synthetic__users=TRAINED_ON_USERS,
            data__synthetic__days=DAYS,
            tables__format="parquet",
        )
        workspace.make(folder)
        for stage in workspace.STAGES[:-1]:
            workspace.run(["churn", stage], folder, environment)
        shutil.rmtree(folder / "data")
    return folder / "artifacts"


def raw_tables(base: Path, size: int, results: Results, args: argparse.Namespace) -> Path:
    """The raw tables of a size; how they are made is measured as often as asked for."""
    folder = workspace.make(base / "raw")
    data, made = folder / "data", folder / "made"
    for run in range(args.runs):
        setting = duckdb_setting(size, run, args)
        unknown = "duckdb" in args.engine and FIRST in missing(setting, results, args)
        if unknown or not made.exists():
            made.unlink(missing_ok=True)
            shutil.rmtree(data, ignore_errors=True)
            row = measure(FIRST, folder, setting)
            if "failed" in row:
                sys.exit(f"no raw tables of {size:,} user-days: {row['failed']}")
            if unknown:
                results.add(row)
            made.touch()
    return data


def missing(setting: Setting, results: Results, args: argparse.Namespace) -> list[str]:
    """Stages that are asked for and not known yet; the raw tables are DuckDB's work."""
    able = STAGES if setting.engine == "duckdb" else STAGES[1:]
    asked = [stage for stage in able if stage in args.stages]
    return [stage for stage in asked if setting.key(stage) not in results.done]


def stages(folder: Path, setting: Setting, results: Results, args: argparse.Namespace) -> None:
    """The missing stages, and those before whose tables they need and that are not there."""
    wanted = missing(setting, results, args)
    for stage in STAGES[1 : STAGES.index(wanted[-1]) + 1]:
        made = folder / "made" / stage
        if stage not in wanted and made.exists():
            continue
        row = measure(stage, folder, setting)
        if stage in wanted:
            results.add(row)
        if "failed" in row:
            print(f"{stage} failed, and with it what follows: {row['failed']}", flush=True)
            return
        made.touch()


def settings(size: int, args: argparse.Namespace) -> Iterator[Setting]:
    """What is measured at one size; Spark's cluster is not there yet."""
    for run in range(args.runs):
        plain = duckdb_setting(size, run, args)
        if "duckdb" in args.engine:
            yield plain
        for workers in args.workers if "spark" in args.engine else ():
            yield replace(plain, engine="spark", cores=workers)


def one_size(base: Path, size: int, results: Results, args: argparse.Namespace) -> None:
    """Everything at one size; its tables go when it is done."""
    here = base / f"size-{size}"
    if not any(missing(setting, results, args) for setting in settings(size, args)):
        return
    raw = raw_tables(here, size, results, args)
    artifacts = champion(base, args)
    for setting in settings(size, args):
        if not set(missing(setting, results, args)) - {FIRST}:
            continue
        name = f"{setting.engine}-{setting.cores}-{setting.run}"
        folder = workspace_with_raw(here / name, raw, artifacts)
        if setting.engine == "spark":
            with on_cluster(setting, base, args) as there:
                stages(folder, there, results, args)
        else:
            stages(folder, setting, results, args)
        shutil.rmtree(folder)
    shutil.rmtree(here)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--user-days", action="append", help=f"a size; default {', '.join(SIZES)}")
    add("--engine", action="append", choices=["duckdb", "spark"], help="default duckdb")
    add("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    add("--runs", type=int, default=1)
    add("--results", type=Path, action="append", help="lines of JSON are added to this file")
    add("--stage-hours", type=float, default=4.0, help="a stage that takes longer has failed")
    add("--resume", action="store_true", help="skip what stands in the results file")
    add("--keep", type=Path, help="work here and keep the champion and what is unfinished")
    add("--memory-limit", default="4GB", help="of DuckDB, also beside Spark")
    add("--threads", type=int, default=2, help="of DuckDB")
    add("--workers", type=int, action="append", help="of Spark, one core each; default 2")
    add("--worker-memory", default="3g", help="what a worker may give away")
    add("--executor-memory", default="2g", help="heap of an executor")
    add("--driver-memory", default="2g", help="heap of the driver")
    add("--spark-conf", action="append", default=[], metavar="NAME=VALUE")
    add("--set", action="append", default=[], metavar="CHURN__KEY=VALUE")
    add("--write-figures", action="store_true")
    add("--write-docs", action="store_true")
    args = parser.parse_args()
    if not (args.results or args.write_docs):
        parser.error("--results FILE is needed: where the lines go")
    if not args.write_figures and len(args.results or ()) > 1:
        parser.error("measurements go to one results file")
    args.engine = args.engine or ["duckdb"]
    args.workers = args.workers or [2]
    return args


def main() -> None:
    """Measure, or write what was measured to where it is used."""
    args = arguments()
    if args.write_figures:
        write_figures(args.results)
    if args.write_docs:
        write_docs()
    if args.write_figures or args.write_docs:
        return
    # So that a stage and a cluster that run are ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped; --resume goes on"))
    results = Results(args.results[0], args.resume)
    base = (args.keep or Path(tempfile.mkdtemp(prefix="churn-scaling-"))).resolve()
    for text in args.user_days or SIZES:
        one_size(base, user_days(text), results, args)
    if not args.keep:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
