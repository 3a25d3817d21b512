"""What the pods of k8s/ need: memory at most, and how long jobs take.

    python benchmarks/pods.py --users 2000 20000

Builds the images, brings API, MLflow and the seed job up with podman as the manifests say, runs
each job once, and asks podman twice a second what every container uses. Needs what tests/images
needs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from workspace import machine

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.images.cluster import built, cluster, podman  # noqa: E402
from tests.images.test_images import ask  # noqa: E402
from tests.monitoring_servers import until  # noqa: E402

JOBS = ("batch-score", "drift-check", "drift-auto-retrain", "high-drift-alert")
UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


@contextmanager
def watched() -> Iterator[dict[str, float]]:
    """The most memory of each container while it is open, in MB."""
    most: dict[str, float] = defaultdict(float)
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.5):
            told = podman("stats", "--no-stream", "--format", "json", check=False)
            for one in json.loads(told or "[]"):
                used, unit = one["mem_usage"].split(" / ")[0], ""
                unit = used.lstrip("0123456789.")
                size = float(used.removesuffix(unit)) * UNITS[unit] / 1e6
                most[one["name"]] = max(most[one["name"]], size)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


def params(users: int) -> str:
    """A params.yaml for so many users."""
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    tree["data"]["synthetic"]["users"] = users
    tree["tables"]["format"] = "parquet"
    return str(yaml.safe_dump(tree, sort_keys=False))


def measure(users: int) -> None:
    """Print a line for each pod."""
    text = params(users)
    seconds: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        cluster(Path(folder)) as made,
        watched() as most,
    ):
        address = made.address(made.deploy("churn-api"))
        made.deploy("mlflow")
        runs = [("seed-model", ()), *((name, ()) for name in JOBS)]
        runs.append(("weekly-retrain", ("retrain", "--reason", "measured")))
        for name, arguments in runs:
            began = time.monotonic()
            code, log = made.job(name, *arguments, params=text)
            seconds[name] = time.monotonic() - began
            if code:
                sys.exit(f"{name} ended with {code}: {log[-2_000:]}")
        until(lambda: ask(address, "/ready")[0] == 200, "the API was ready")
    for name, size in sorted(most.items()):
        if "infra" not in name and not name.endswith("-infra"):
            took = seconds.get(name.removesuffix("-job"))
            print(f"{users:>8,}  {name:28} {size:8.0f} MB  {f'{took:.0f} s' if took else ''}")


def main() -> None:
    """Measure for each number of users."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, nargs="+", default=[2_000])
    asked = parser.parse_args()
    print(machine())
    built()
    for users in asked.users:
        measure(users)


if __name__ == "__main__":
    main()
