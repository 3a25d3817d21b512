"""PSI of the same cases by churn-mlops, by Evidently and by the public V2.

Usage: python benchmarks/drift_peers.py [--evidently PYTHON] [--days 50]

PYTHON is an interpreter that has `evidently` and `pyarrow` (Evidently 0.7 needs pandas below 3, so
it cannot share this environment):

    uv venv peers && uv pip install --python peers/bin/python evidently pyarrow 'pandas<3'

The public V2 bins by quantiles of the reference and counts with numpy.histogram, which drops what
lies beyond the outer edges; it drops missing values, and gives 0 with fewer than three different
edges. Here that is computed from this description. It reads numbers only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

USERS = 2_000

# Run by the other interpreter: every case is a pair of Parquet files.
EVIDENTLY = """
import json, sys, warnings
from pathlib import Path
warnings.filterwarnings("ignore")
import pandas as pd
from evidently import DataDefinition, Dataset, Report, __version__
from evidently.metrics import ValueDrift
found = {"version": __version__}
for before in sorted(Path(sys.argv[1]).glob("*.reference.parquet")):
    case = before.name.split(".")[0]
    reference = pd.read_parquet(before)
    current = pd.read_parquet(before.with_name(f"{case}.current.parquet"))
    numbers = [c for c in reference if reference[c].dtype != object]
    texts = [c for c in reference if reference[c].dtype == object]
    shape = DataDefinition(numerical_columns=numbers, categorical_columns=texts)
    sides = [Dataset.from_pandas(side, shape) for side in (current, reference)]
    report = Report([ValueDrift(column=c, method="psi") for c in reference]).run(*sides)
    found[case] = {m["config"]["column"]: float(m["value"]) for m in report.dict()["metrics"]}
print(json.dumps(found))
"""


def v2_psi(reference: np.ndarray, current: np.ndarray) -> float | None:
    """As the public V2 computes it; None for what is no number."""
    if reference.dtype == object:
        return None
    before, now = (side[~np.isnan(side)] for side in (reference, current))
    edges = np.unique(np.quantile(before, np.linspace(0, 1, 11)))
    if len(before) == 0 or len(now) == 0 or len(edges) < 3:
        return 0.0
    shares = []
    for side in (before, now):
        counts, _ = np.histogram(side, bins=edges)
        shares.append(np.clip(counts / max(counts.sum(), 1), 1e-6, 1.0))
    p, q = shares
    return float(np.sum((q - p) * np.log(q / p)))


def evidently_psi(python: str, folder: Path) -> dict[str, dict[str, float]]:
    """All cases of a folder by Evidently."""
    done = subprocess.run(
        [python, "-c", EVIDENTLY, str(folder)], capture_output=True, text=True, check=True
    )
    found: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print the tables."""
    from drift_world import FAULTS, REFERENCE_DAYS, START, on, people, reference

    from churn_mlops.monitoring.day import day_of
    from churn_mlops.monitoring.drift import check
    from churn_mlops.params import DriftCheck

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--evidently", metavar="PYTHON")
    parser.add_argument("--days", type=int, default=50)
    arguments = parser.parse_args()
    settings = DriftCheck(moves_by_itself=("tenure",))
    folder = Path(tempfile.mkdtemp(prefix="churn-peers-"))
    cases = [(f"fault{i:02d}", fault, USERS) for i, fault in enumerate(FAULTS)]
    calm = [(f"calm{n}x{users}", None, users) for users in (200, USERS)
            for n in range(arguments.days)]  # fmt: skip
    ours: dict[str, tuple[str, dict[str, float]]] = {}
    v2: dict[str, dict[str, float | None]] = {}
    who = {users: people(np.random.default_rng(users), users) for users in (200, USERS)}
    against = {n: reference(np.random.default_rng(n), who[n], n) for n in (200, USERS)}
    for number, (case, fault, users) in enumerate([*cases, *calm]):
        rng = np.random.default_rng([7, number])
        day = START + timedelta(days=REFERENCE_DAYS + 30 + number % 300)
        made = on(rng, day, who[users], users)
        if fault is not None:
            fault.inject(made, rng)
        report = check(against[users], day_of(day, made, against[users]), [], settings, seed=1)
        columns = [*report.columns, *([report.risk] if report.risk else [])]
        ours[case] = (report.status, {c.column: c.psi for c in columns})
        # The others are given the same comparable rows.
        rows = against[users].like(day)[0].rows
        before = {name: column[rows] for name, column in against[users].values.items()}
        v2[case] = {name: v2_psi(column, made[name]) for name, column in before.items()}
        pq.write_table(pa.table(before), folder / f"{case}.reference.parquet")
        pq.write_table(pa.table({n: made[n] for n in before}), folder / f"{case}.current.parquet")
    theirs = evidently_psi(arguments.evidently, folder) if arguments.evidently else {}
    print(f"Evidently {theirs.get('version', 'was not asked')}\n")
    print("| fault | column | churn-mlops | Evidently | the public V2 |\n|---|---|---|---|---|")
    for case, fault, _ in cases:
        for name in fault.columns:
            cells = (ours[case][1][name], theirs.get(case, {}).get(name), v2[case][name])
            shown = " | ".join("–" if cell is None else f"{cell:.3f}" for cell in cells)
            print(f"| {fault.name} | {name} | {shown} |")
    print("\n| days without drift, users | churn-mlops WARN or FAIL | some PSI above 0.1: Evidently"
          " | the public V2 |\n|---|---|---|---|")  # fmt: skip
    for users in (200, USERS):
        names = [case for case, _, n in calm if n == users]
        alarms = np.mean([ours[case][0] != "OK" for case in names])
        evidently = [max(theirs[c].values()) > 0.1 for c in names] if theirs else [float("nan")]
        v2s = [max(v for v in v2[c].values() if v is not None) > 0.1 for c in names]
        print(f"| {users:,} | {alarms:.0%} | {np.mean(evidently):.0%} | {np.mean(v2s):.0%} |")


if __name__ == "__main__":
    main()
