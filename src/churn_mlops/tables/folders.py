"""A Parquet table's folder: the names of its files, and how another takes its place.

A folder cannot be replaced in one step. The old one is moved aside, the new one takes its name,
the old one is removed; whoever opens the table finishes what a killed process left half-way.
"""

from __future__ import annotations

import os
import re
import shutil
from datetime import date
from pathlib import Path

from churn_mlops.tables.manifest import listed

_DAY = re.compile(r"day-(\d{4}-\d{2}-\d{2})\.parquet|day=(\d{4}-\d{2}-\d{2})/.*")


def beside(path: Path) -> Path:
    """Where a table is written until it is whole."""
    return path.with_name(f".{path.name}.writing")


def swap(path: Path) -> None:
    """Let the whole folder `beside` a table take the table's place."""
    old = _aside(path)
    if path.exists():
        os.replace(path, old)
    os.replace(beside(path), path)
    remove(old)


def settle(path: Path) -> Path:
    """Finish a `swap` that was cut short; returns the path."""
    old = _aside(path)
    if not old.exists():
        return path
    if not path.exists():
        # The old one is moved aside only when the new one is whole.
        os.replace(beside(path) if beside(path).exists() else old, path)
    remove(old)
    return path


def day_file(day: date) -> str:
    """Name of the file that holds the rows of one day."""
    return f"day-{day.isoformat()}.parquet"


def day_of(name: str) -> date | None:
    """The day that all rows of a file are of; None when they may be of any."""
    match = _DAY.fullmatch(name)
    return date.fromisoformat(match[1] or match[2]) if match else None


def days_of(path: Path) -> list[date]:
    """The days that have files of their own, the earliest first."""
    return sorted({day for name in listed(path) if (day := day_of(name))})


def files_since(path: Path, day: date) -> list[str] | None:
    """The files that can hold rows of a day and later; None when that may be any of them."""
    found = [(day_of(name), source) for name, source in listed(path).items()]
    if not any(own is not None and own <= day for own, _ in found):
        return None
    return [source for own, source in found if own is not None and own >= day] or None


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")
