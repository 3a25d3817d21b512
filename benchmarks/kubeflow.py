"""The Kubeflow pipeline on this machine beside `dvc repro` on the same portal.

    python benchmarks/kubeflow.py --users 1000 --rounds 3

Both make everything anew, in turns; each run of the pipeline has an MLflow server of its own.
Builds the image first, and needs what tests/pipelines needs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import workspace

sys.path.insert(0, str(workspace.ROOT))

from tests import mlflow_server, workspaces
from tests.images.cluster import built
from tests.pipelines.engine import Kubeflow, Ran, socket
from tests.receiver import receiver

# A small portal's gate refuses for want of rows: here only the time counts.
GATE = {"min_rows": 50, "min_users": 20, "confidence": 0.5, "max_slice_drop": 1.0}


def by_kubeflow(users: int, folder: Path) -> Ran:
    """Run the pipeline."""
    overrides = ", ".join(f'"promotion.{name}": {value}' for name, value in GATE.items())
    settings = (f"data_synthetic_users={users}", f"overrides={{{overrides}}}")
    (folder / "mlflow").mkdir(parents=True)
    for place in (folder, folder.parent):
        place.chmod(0o755)
    with (
        mlflow_server.running(folder / "mlflow") as (tracking, _),
        receiver() as told,
        socket() as address,
    ):
        ran = Kubeflow(address, folder / "runs", tracking, told.url).run(*settings)
    if ran.code:
        sys.exit(ran.log[-9_000:])
    return ran


def by_dvc(users: int, folder: Path) -> float:
    """Run `dvc repro` in an empty workspace; seconds."""
    over = {"data": {"synthetic": {"users": users}}, "promotion": GATE}
    made = workspaces.make(folder, over)
    return workspace.run(["dvc", "repro"], made).seconds


def main() -> None:
    """Run both in turns and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print(workspace.machine())
    built()
    pipeline, repro, steps = [], [], 0
    with tempfile.TemporaryDirectory() as name:
        for n in range(asked.rounds):
            ran = by_kubeflow(asked.users, Path(name) / f"kubeflow-{n}")
            pipeline.append(ran.seconds)
            steps = len(ran.ended)
            repro.append(by_dvc(asked.users, Path(name) / f"dvc-{n}"))
            print(f"round {n + 1}: pipeline {pipeline[-1]:.1f} s, dvc repro {repro[-1]:.1f} s")
    first, second = statistics.median(pipeline), statistics.median(repro)
    print(
        f"medians: {steps} containers {first:.1f} s, dvc repro {second:.1f} s,"
        f" {first / second:.2f} x"
    )


if __name__ == "__main__":
    main()
