"""The files of a raw Parquet table: what was read as a whole, and what arrived day by day."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from churn_mlops.data.watermark import Watermark
from churn_mlops.tables.folders import settle

_ARRIVED = re.compile(r"arrived-(\d{4}-\d{2}-\d{2})\.parquet")


def arrival_day(file: Path) -> date | None:
    """The day on which the rows of a file arrived; None for what was read as a whole."""
    match = _ARRIVED.fullmatch(file.name)
    return date.fromisoformat(match[1]) if match else None


def held_files(path: Path, mark: Watermark | None) -> list[Path]:
    """The files of a raw Parquet table that count, by name; what was read as a whole is last."""
    settle(path)
    if not path.is_dir():
        return [path] if path.exists() else []
    limit = mark.as_of if mark is not None and mark.as_of is not None else date.max
    files = sorted(path.glob("*.parquet"))
    return [file for file in files if (arrival_day(file) or date.min) <= limit]
