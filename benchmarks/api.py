"""Load tests of the real-time API with `wrk`, side by side with others, in one run.

Usage: python benchmarks/api.py --workspace DIR [--measure single --measure swaps ...]
           [--rounds 5] [--seconds 5] [--minutes 30] [--json FILE]

DIR is a workspace after `dvc repro`; it is only read. Servers listen on free ports of 127.0.0.1.
Figures are medians of rounds in which everything takes turns, after a round that does not count.
An answer that is no 2xx, late or wrong ends the run. Measures:

single     one row a request, one worker: ours, bare FastAPI, scikit-learn behind it, MLflow
inference  one row in the process, without HTTP
explain    what reasons add to a request
batch      1,000 rows a request, as JSON and as Arrow
workers    one connection at one and two workers
start      start of the process to ready
swaps      100 changes of the champion under load, every answer checked
soak       --minutes of load with a change every ten seconds: does memory grow?
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import api_measures
import api_swaps
import workspace
from api_measures import Setting, Table
from load import BenchmarkError

MEASURES: Mapping[str, Callable[[Setting], Table]] = {
    "single": api_measures.single,
    "inference": api_measures.inference,
    "explain": api_measures.explain,
    "batch": api_measures.batch,
    "workers": api_measures.workers,
    "start": api_measures.start,
    "swaps": api_swaps.swaps,
    "soak": api_swaps.soak,
}


def copy_workspace(source: Path, folder: Path) -> Path:
    """Copy what the API reads, so that swaps do not touch the original."""
    for name in ("artifacts/production", "artifacts/models", "data/predictions"):
        shutil.copytree(source / name, folder / name)
    shutil.copy(source / "params.yaml", folder / "params.yaml")
    return folder


def show(table: Table) -> None:
    """Print a table as Markdown."""
    print(f"\n## {table.title}\n")
    print(f"| {' | '.join(table.head)} |\n|{'---|' * len(table.head)}")
    for row in table.rows:
        print(f"| {' | '.join(map(str, row))} |")
    for note in table.notes:
        print(f"\n{note}")
    sys.stdout.flush()


def main() -> None:
    """Run the chosen measures and print their tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--measure", action="append", choices=list(MEASURES), default=[])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    if absent := [tool for tool in ("wrk", "taskset") if shutil.which(tool) is None]:
        sys.exit(f"error: {' and '.join(absent)} must be installed: Debian's wrk and util-linux")
    tables = []
    print(workspace.machine())
    with tempfile.TemporaryDirectory(prefix="churn-benchmark-") as temporary:
        for name in chosen.measure or MEASURES:
            source = chosen.workspace.resolve()
            # A fresh copy each, so that no measure sees what another one left.
            copy = copy_workspace(source, Path(temporary) / name)
            setting = Setting(source, copy, chosen.rounds, chosen.seconds, chosen.minutes)
            try:
                table = MEASURES[name](setting)
            except BenchmarkError as error:
                notes = getattr(error, "__notes__", [])
                sys.exit("\n".join([f"error: {name}: {error}", *notes]))
            show(table)
            tables.append(asdict(table))
    if chosen.json:
        told = {"machine": workspace.machine(), "tables": tables}
        chosen.json.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
