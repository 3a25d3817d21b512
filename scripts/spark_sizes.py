"""How large driver and executors of k8s/spark are, from what stages were measured to need.

Usage: python scripts/spark_sizes.py --users 1000000 --days 365 [--hours 2]    prints the patch
       python scripts/spark_sizes.py --users 1000000 --days 365 --write        into k8s/spark
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from string import Template

from churn_mlops.errors import ChurnError
from churn_mlops.planning.spark_sizes import SparkSizes, spark_sizes

FILE = Path(__file__).parents[1] / "k8s/spark/sizes.yaml"
# Memory is asked for as a whole: a driver or executor that is given less later is killed.
PATCH = Template("""\
# Written by `python scripts/spark_sizes.py $command --write`, not by hand.
apiVersion: batch/v1
kind: CronJob
metadata:
  name: spark-tables
  namespace: churn-mlops
spec:
  jobTemplate:
    spec:
      template:
        spec:
          containers:
            - name: driver
              env:
                - name: EXECUTORS
                  value: "$instances"
                - name: EXECUTOR_CORES
                  value: "$cores"
                - name: EXECUTOR_HEAP
                  value: ${heap_gib}g
                - name: EXECUTOR_OVERHEAD
                  value: ${overhead_gib}g
                - name: DRIVER_HEAP
                  value: ${driver_heap_gib}g
              resources:
                requests:
                  cpu: "1"
                  memory: ${driver_gib}Gi
                limits:
                  cpu: "4"
                  memory: ${driver_gib}Gi
""")


def patch(sizes: SparkSizes, command: str) -> str:
    """The patch of k8s/spark that has these sizes."""
    driver = sizes.driver_heap_gib + sizes.driver_overhead_gib
    return PATCH.substitute(vars(sizes), driver_gib=driver, command=command)


def main(arguments: list[str]) -> int:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--users", type=int, required=True, help="with a row each day")
    parser.add_argument("--days", type=int, required=True, help="of history")
    parser.add_argument("--hours", type=float, default=2.0, help="a full run may take")
    parser.add_argument("--write", action="store_true", help=f"into {FILE.name} of k8s/spark")
    given = parser.parse_args(arguments)
    try:
        sizes = spark_sizes(given.users, given.days, given.hours)
    except ChurnError as error:
        print(error, file=sys.stderr)
        return 1
    if not sizes.in_time:
        print(f"no number of executors does it in {given.hours:g} hours", file=sys.stderr)
    text = patch(sizes, f"--users {given.users} --days {given.days} --hours {given.hours:g}")
    if given.write:
        FILE.write_text(text)
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
