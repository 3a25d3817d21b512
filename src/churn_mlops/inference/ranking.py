"""Reads the latest ranked list back, and shows it to people."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from churn_mlops.errors import ContractError
from churn_mlops.params import Params

Row = dict[str, Any]
# Folders that a file is added to every day.
GROWING = ("scored", "promises", "drift")


def latest(params: Params, n: int) -> list[Row]:
    """The `n` users most at risk in the latest batch, most at risk first.

    Raises
    ------
    ContractError
        No batch has been scored yet.
    """
    path = (
        Path(params.paths.data) / "predictions" / f"batch_predictions_latest.{params.tables.format}"
    )
    if not path.exists():
        raise ContractError(f"there is no {path}", fix="score a day first: `dvc repro batch_score`")
    if params.tables.format == "csv":
        with path.open(newline="", encoding="utf-8") as file:
            return [row for row, _ in zip(csv.DictReader(file), range(n), strict=False)]
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        batch = next(file.iter_batches(batch_size=n), None)
    return [] if batch is None else [dict(row) for row in batch.to_pylist()]


def written(params: Params) -> list[Path]:
    """Every file below the data and artifact roots, directories of parts as one entry.

    So are the folders that grow by the day. A local MLflow store stands at the end.
    """
    found: list[Path] = []
    for root in (Path(params.paths.data), Path(params.paths.artifacts)):
        for path in sorted(root.rglob("*")):
            inside = any(_is_one(parent) for parent in path.relative_to(root).parents)
            hidden = any(part.startswith(".") for part in path.parts)
            if (path.is_file() or _is_one(path)) and not inside and not hidden:
                found.append(path)
    store = Path(params.tracking.uri.removeprefix("sqlite:///"))
    return [*found, store] if store.is_file() else found


def _is_one(folder: Path) -> bool:
    """Whether a folder counts as one entry."""
    return folder.suffix == ".parquet" or folder.name in GROWING


def as_text(rows: list[Row], paths: list[Path]) -> str:
    """A table of the riskiest users with their reasons, and the paths."""
    if not rows:
        return "nobody was eligible on the scored day"
    head = f"The {len(rows)} users most at risk on {rows[0]['as_of_date']}"
    model = f" (model {rows[0]['model_version']})" if rows[0].get("model_version") else ""
    width = max(len("user"), *(len(str(row["user_id"])) for row in rows))
    lines = [f"{head}{model}", "", f"{'rank':>4}  {'user':<{width}}  {'risk':>6}  why"]
    for row in rows:
        reasons = "; ".join(str(row[f"reason_{n}"]) for n in (1, 2, 3) if row.get(f"reason_{n}"))
        risk = float(row["churn_risk"])
        lines.append(
            f"{row['risk_rank']!s:>4}  {row['user_id']!s:<{width}}  {risk:>6.1%}  {reasons}"
        )
    return "\n".join([*lines, "", "Written:", *(f"  {path}" for path in paths)])
