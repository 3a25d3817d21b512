"""Turn CDNOW, as the package `lifetimes` ships it, into an event log.

Usage: python examples/cdnow/convert.py [OUTPUT.csv]
"""

from __future__ import annotations

import csv
import sys
from importlib import util
from pathlib import Path


def source() -> Path:
    """Find the data file without importing the package, which needs more than we do."""
    spec = util.find_spec("lifetimes")
    if spec is None or spec.origin is None:
        sys.exit("the package 'lifetimes' is missing: pip install -r requirements/dev.txt")
    return Path(spec.origin).parent / "datasets" / "CDNOW_master.txt"


def convert(origin: Path, target: Path) -> int:
    """Write one purchase a row: customer, day, quantity, amount. Returns the rows."""
    target.parent.mkdir(parents=True, exist_ok=True)
    rows = 0
    with origin.open(encoding="ascii") as lines, target.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["customer", "day", "kind", "quantity", "amount"])
        next(lines)
        for line in lines:
            customer, day, quantity, amount = line.split()
            out.writerow(
                [customer, f"{day[:4]}-{day[4:6]}-{day[6:]}", "purchase", quantity, amount]
            )
            rows += 1
    return rows


if __name__ == "__main__":
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "cdnow/purchases.csv")
    print(f"{convert(source(), path):,} purchases in {path}")
