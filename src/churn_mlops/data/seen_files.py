"""Which files of the source need not be read again: data/raw/seen_files.json.

Only a help: a file that is read again brings nothing that is held already.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from churn_mlops.data.watermark import Watermark
from churn_mlops.files import write_json
from churn_mlops.params import Params

Seen = Mapping[str, list[int]]


def seen_path(params: Params) -> Path:
    """Where they are kept."""
    return Path(params.paths.data) / "raw" / "seen_files.json"


def read_seen(params: Params, mark: Watermark | None) -> dict[str, list[int]]:
    """Size and time of the files whose rows are all held, by name.

    Nothing when it was written by a run that did not get as far as its watermark.
    """
    if mark is None or mark.as_of is None:
        return {}
    try:
        body = json.loads(seen_path(params).read_text(encoding="utf-8"))
        if date.fromisoformat(body["as_of"]) > mark.as_of:
            return {}
        return {str(name): list(state) for name, state in body["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_seen(params: Params, as_of: date, files: Seen) -> None:
    """Keep them, before the watermark is written."""
    if files:
        write_json(seen_path(params), {"as_of": as_of.isoformat(), "files": dict(files)})
