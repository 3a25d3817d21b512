"""How far the raw tables reach: data/raw/watermark.json, written after all that it speaks of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from churn_mlops.files import read_json, write_json
from churn_mlops.params import Params


@dataclass(frozen=True)
class Watermark:
    """The state of data/raw.

    Parameters
    ----------
    as_of : date or None
        The last complete day that has been brought in; None when nobody said which it is (files
        or a database without ``data.end_date``, read as a whole).
    ingested : bool
        Days were added by `churn ingest`: the source is not read as a whole any more.
    source : str
        `source_of` the parameters that it was read with.
    sizes : mapping of str to int
        Bytes of the raw CSV files by name; what lies behind was added by a run that was killed.
    """

    as_of: date | None
    ingested: bool
    source: str
    sizes: Mapping[str, int] = field(default_factory=dict)


def watermark_path(params: Params) -> Path:
    """Where the watermark lies."""
    return Path(params.paths.data) / "raw" / "watermark.json"


def source_of(params: Params) -> str:
    """What tells one source from another: a digest of `data`, save what only says how far to read.

    The length of the synthetic portal, the last day and the allowance for late rows do not count,
    nor does a password.
    """
    body = params.data.model_dump(mode="json", exclude={"end_date", "late_days", "sql"})
    body["synthetic"].pop("days")
    body["sql"] = params.data.sql.model_dump(mode="json", exclude={"url"})
    body["static"] = params.features.static
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def read_watermark(params: Params) -> Watermark | None:
    """Read the watermark; None when there are no raw tables yet.

    Raises
    ------
    ContractError
        The file is damaged.
    """
    fix = "read the source as a whole again: `churn generate-data --anew`"
    return read_json(watermark_path(params), _parsed, fix)


def _parsed(body: Any) -> Watermark:
    day = body["as_of"]
    as_of = None if day is None else date.fromisoformat(day)
    sizes = {str(name): int(size) for name, size in body.get("sizes", {}).items()}
    return Watermark(as_of, bool(body["ingested"]), str(body["source"]), sizes)


def write_watermark(params: Params, mark: Watermark) -> None:
    """Write the watermark; the tables that it speaks of must lie there already."""
    as_of = None if mark.as_of is None else mark.as_of.isoformat()
    body = {"as_of": as_of, "ingested": mark.ingested, "source": mark.source}
    write_json(watermark_path(params), body | ({"sizes": dict(mark.sizes)} if mark.sizes else {}))
