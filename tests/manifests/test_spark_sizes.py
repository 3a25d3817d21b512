"""Sizes of driver and executors are those of the cost model, in one file that its script writes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import yaml

from churn_mlops.planning.spark_sizes import spark_sizes
from tests.manifests import spark
from tests.manifests.objects import K8S, ROOT, containers, everything

FILE = K8S / "spark/sizes.yaml"


def asked() -> dict[str, float]:
    """The numbers that the file says it was written for."""
    (words,) = re.findall(r"spark_sizes.py (.+) --write", FILE.read_text())
    given = shlex.split(words)
    return {n.removeprefix("--"): float(v) for n, v in zip(given[::2], given[1::2], strict=True)}


def script(*arguments: str, code: int = 0) -> tuple[str, str]:
    """Run it; what it prints, and what it says beside that."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/spark_sizes.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def test_the_file_is_what_the_script_writes() -> None:
    words = [f"--{name}={value:g}" for name, value in asked().items() if name == "hours"]
    words += [f"--{name}={value:.0f}" for name, value in asked().items() if name != "hours"]
    assert script(*words)[0] == FILE.read_text(), "run the command that its first line names"


def test_spark_and_the_driver_are_given_them() -> None:
    numbers = asked()
    sizes = spark_sizes(int(numbers["users"]), int(numbers["days"]), numbers["hours"])
    assert sizes.in_time
    objects = everything("spark")
    conf = spark.params(objects).spark.conf
    # In client mode the driver's pod is there before Spark: its overhead is the pod's to have.
    wanted = {n: v for n, v in sizes.conf().items() if n != "spark.driver.memoryOverhead"}
    assert wanted.items() <= conf.items()
    (driver,) = containers(spark.driver(objects))
    memory = f"{sizes.driver_heap_gib + sizes.driver_overhead_gib}Gi"
    for kind in ("requests", "limits"):
        assert driver["resources"][kind]["memory"] == memory


def test_more_users_get_more_executors() -> None:
    few, many = (
        yaml.safe_load(script(f"--users={users}", "--days=365")[0])
        for users in (2_000, 100_000_000)
    )
    names = ("spec", "jobTemplate", "spec", "template", "spec", "containers")
    numbers = []
    for patch in (few, many):
        for name in names:
            patch = patch[name]
        (driver,) = patch
        numbers += [int(p["value"]) for p in driver["env"] if p["name"] == "EXECUTORS"]
    assert numbers[0] < numbers[1]


def test_what_no_cluster_does_is_told() -> None:
    assert "in 0.01 hours" in script("--users=100000000", "--days=365", "--hours=0.01")[1]


def test_a_number_that_is_none_is_refused() -> None:
    assert script("--users=0", "--days=365", code=1)[1].strip()
