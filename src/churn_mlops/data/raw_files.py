"""The files of a raw Parquet table: what was read as a whole, and what arrived day by day."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from churn_mlops.data.watermark import Watermark
from churn_mlops.tables.folders import settle
from churn_mlops.tables.manifest import listed

_ARRIVED = re.compile(r"(?:^|/)arrived-(\d{4}-\d{2}-\d{2})\.parquet$")


def arrival_day(file: str) -> date | None:
    """The day on which the rows of a file arrived; None for what was read as a whole.

    Parameters
    ----------
    file : str
        Its name, path or URL.
    """
    match = _ARRIVED.search(file)
    return date.fromisoformat(match[1]) if match else None


def held_files(path: Path, mark: Watermark | None) -> dict[str, str]:
    """The files of a raw Parquet table that count, by name; what was read as a whole is last.

    Returns
    -------
    dict of str to str
        Name to path or URL.
    """
    limit = mark.as_of if mark is not None and mark.as_of is not None else date.max
    files = listed(settle(path))
    return {name: at for name, at in files.items() if (arrival_day(name) or date.min) <= limit}
