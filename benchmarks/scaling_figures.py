"""From lines of results to the package's figures, and from these to the page about scale."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

import workspace

from churn_mlops.planning import page
from churn_mlops.planning.figures import PLACE, load

DOCS = workspace.ROOT / "docs"
# The middle of several runs; of memory and of the disk that must be there, the most.
MEDIANS = ("seconds", "cpu_seconds", "bytes_read", "bytes_written", "driver_bytes_read")
LARGEST = ("peak_memory_bytes", "python_workers_bytes", "scratch_peak_bytes")
SPARK = (
    "disk_spilled_bytes",
    "memory_spilled_bytes",
    "shuffle_read_bytes",
    "shuffle_written_bytes",
    "input_bytes",
)
LIMITS = ("memory_limit", "executor_memory", "driver_memory")


def write_figures(results: list[Path]) -> None:
    """Make figures.json of result files; of a row that stands there twice the later counts."""
    lines = [json.loads(line) for path in results for line in path.read_text().splitlines()]
    latest = {(*_group(row), row["run"]): row for row in lines}
    rows = sorted(latest.values(), key=_group)
    known = _facts(rows)
    made = [_figure(list(runs), known) for _, runs in groupby(rows, _group)]
    days = sorted(row["at"][:10] for row in rows)
    head = {
        "machines": sorted({row["machine"] for row in rows}),
        "commits": sorted({row["commit"] for row in rows}),
        "first_day": days[0],
        "last_day": days[-1],
    }
    body = ",\n".join(json.dumps(row) for row in made)
    text = json.dumps(head, indent=1)[:-2] + f',\n "rows": [\n{body}\n]}}\n'
    PLACE.write_text(text, encoding="utf-8")
    print(f"{len(made)} rows in {PLACE.relative_to(workspace.ROOT)}")


def write_docs() -> None:
    """Fill the generated part of docs/scaling.md and draw its chart."""
    figures = load()
    place = DOCS / "scaling.md"
    place.write_text(page.filled(place.read_text(encoding="utf-8"), figures), encoding="utf-8")
    for name, drawing in page.drawings(figures).items():
        (DOCS / name).write_text(drawing, encoding="utf-8")


def _group(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["engine"], row["cores"], row["stage"], row["size"])


def _facts(rows: list[dict[str, Any]]) -> dict[int, dict[str, int]]:
    """What a size really is: the rows of the tables that every engine made alike."""
    found: dict[int, dict[str, int]] = {}
    for row in rows:
        facts = found.setdefault(row["size"], {})
        for table, name in (("users", "users"), ("events", "events"), ("user_daily", "user_days")):
            if table in row.get("tables", {}):
                facts[name] = row["tables"][table]["rows"]
    return found


def _figure(runs: list[dict[str, Any]], known: dict[int, dict[str, int]]) -> dict[str, Any]:
    done = [run for run in runs if "failed" not in run]
    first = (done or runs)[0]
    made: dict[str, Any] = {name: first[name] for name in ("engine", "cores", "stage", "size")}
    made |= known[first["size"]]
    made |= {name: first[name] for name in ("days", *LIMITS) if name in first}
    if not done:
        return made | {"runs": len(runs), "failed": first["failed"].splitlines()[-1]}
    made["runs"] = len(done)
    measured = [name for name in (*MEDIANS, *SPARK) if name in first]
    medians = {name: median(run[name] for run in done) for name in measured}
    made |= {n: round(v, 2) if n.endswith("seconds") else int(v) for n, v in medians.items()}
    made |= {name: max(run[name] for run in done) for name in LARGEST}
    tables = first["tables"]
    made["output_bytes"] = sum(table["bytes"] for table in tables.values())
    made["output_rows"] = sum(table["rows"] for table in tables.values())
    made["table_bytes"] = {name: table["bytes"] for name, table in tables.items()}
    return made
