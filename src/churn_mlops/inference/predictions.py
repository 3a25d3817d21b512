"""The table of predictions: a day's users from the highest to the lowest risk."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from churn_mlops.params import Params

if TYPE_CHECKING:
    from churn_mlops.tables import Column, Contract

RISK_DECIMALS = 6
REASONS = ("reason_1", "reason_2", "reason_3")


def context_names(params: Params) -> tuple[str, ...]:
    """Features that are written beside the risk, so that people recognise the user."""
    longest = max(params.features.windows_days)
    return ("days_since_last_activity", f"active_days_{longest}d", *params.features.static)


def predictions_contract(params: Params, context: dict[str, Column]) -> Contract:
    """The contract of all three prediction tables; `context` are the columns of `context_names`."""
    # Here, because the tables bring the engine along and the API needs only names and places.
    from churn_mlops.tables import Column, Contract, contracts

    return Contract(
        "batch_predictions_latest",
        "predictions",
        ("risk_rank",),
        (
            contracts.user_id(params),
            Column("as_of_date", "date", False, about="the scored day"),
            Column("churn_risk", "float64", False, "probability", "six decimals", 0, 1),
            Column("risk_rank", "int64", False, "", "1: highest risk; ties by user_id", 1),
            Column(
                "decision",
                "string",
                False,
                "",
                "contact: on the list; hold_out: on it, but left alone by chance; none: others",
            ),
            *(
                Column(name, "string", True, "", "what raises this user's risk most, in words")
                for name in REASONS
            ),
            Column("model_version", "string", False, "", "first 12 digits of the bundle's digest"),
            *(context[name] for name in context_names(params)),
        ),
    )


def predictions_path(params: Params, day: date) -> Path:
    """Where all users of a day lie."""
    return _folder(params) / f"churn_predictions_{day}.{params.tables.format}"


def top_path(params: Params, day: date) -> Path:
    """Where the contact list of a day lies; with ``scoring.value`` its length is not fixed."""
    size = "value" if params.scoring.value else params.scoring.top_k
    return _folder(params) / f"churn_top_{size}_{day}.{params.tables.format}"


def latest_path(params: Params) -> Path:
    """Where the users of the day scored last lie, always under the same name."""
    return _folder(params) / f"batch_predictions_latest.{params.tables.format}"


def store_path(params: Params) -> Path:
    """Where the users of the day scored last are looked up, whatever the tables' format."""
    return _folder(params) / "batch_predictions_latest.sqlite"


def _folder(params: Params) -> Path:
    return Path(params.paths.data) / "predictions"
