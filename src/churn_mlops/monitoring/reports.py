"""The reports of the drift checks: artifacts/monitoring/drift/DATE.json, a file per checked day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from churn_mlops.params import Params


def reports_folder(params: Params) -> Path:
    """Where they lie."""
    return Path(params.paths.artifacts) / "monitoring" / "drift"


def reports(params: Params, until: date = date.max) -> list[Path]:
    """The reports of days up to one, in the order of their days; other files are passed over."""
    found = sorted(reports_folder(params).glob("????-??-??.json"))
    return [path for path in found if path.stem <= until.isoformat()]
