"""Every feature: its name, type, unit, range and meaning, in the order of the table.

The catalogue is derived from the parameters; `docs/features.md` is printed from it and
`build_features` computes exactly these columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from churn_mlops.params import Params
from churn_mlops.tables.contract import Column, Contract
from churn_mlops.tables.contracts import static_columns, user_daily

Kind = Literal["numeric", "categorical"]


@dataclass(frozen=True)
class Feature:
    """One model input: `minimum` and `maximum` bound the values that are possible at all.

    `monotone` is 1 where a larger value, all else equal, can only raise the risk, and -1 where it
    can only lower it. It is given only where the meaning of the feature leaves no doubt: longer
    away, or less active lately with the same past, is never a good sign.
    """

    name: str
    kind: Kind
    type: str
    unit: str
    about: str
    minimum: float | None = None
    maximum: float | None = None
    monotone: Literal[-1, 0, 1] = 0


def rolled_name(daily: str, window: int) -> str:
    """Name of a daily column over a window: ``logins_count`` becomes ``logins_7d``."""
    stem = {"is_active_day": "active_days", "total_events": "events"}.get(daily, daily)
    return f"{stem.removesuffix('_count').removesuffix('_sum')}_{window}d"


def counted(params: Params) -> tuple[str, ...]:
    """Daily columns whose sum over a window is a whole number."""
    return ("is_active_day", "total_events", *params.features.counts)


def trend_name(daily: str, params: Params) -> str:
    """Name of the shortest window's daily rate less the longest window's."""
    short, long = min(params.features.windows_days), max(params.features.windows_days)
    stem = rolled_name(daily, long).removesuffix(f"_{long}d")
    return f"{stem}_trend_{short}d_{long}d"


def trended(params: Params) -> tuple[str, ...]:
    """Daily columns that get a trend: none when there is one window only."""
    several = len(params.features.windows_days) > 1
    return ("is_active_day", "total_events", *params.features.sums) if several else ()


def features(params: Params) -> tuple[Feature, ...]:
    """All features, in the order of the table."""
    return tuple(_features(params))


def model_features(params: Params) -> tuple[Feature, ...]:
    """The features that a model is trained on: all of them."""
    return features(params)


def _features(params: Params) -> Iterator[Feature]:
    for column in static_columns(params):
        kind: Kind = "categorical" if column.type == "string" else "numeric"
        yield Feature(column.name, kind, column.type, "", "known at sign-up")
    daily = {column.name: column for column in user_daily(params).columns}
    for name, column in daily.items():
        if name not in ("user_id", "as_of_date"):
            top = 1.0 if name == "is_active_day" else None
            about = (
                "days since sign-up; 0 on its day"
                if name == "days_since_signup"
                else _over(column, "on the day")
            )
            yield Feature(
                name, "numeric", column.type, column.unit, about, _least(name, params), top
            )
    yield Feature(
        "days_since_last_activity",
        "numeric",
        "int32",
        "days",
        "days since the last active day; since sign-up for who has not been active yet",
        0,
        monotone=1,
    )
    yield Feature(
        "active_streak_days", "numeric", "int32", "days", "active days in a row up to this one", 0
    )
    for window in params.features.windows_days:
        yield from _windowed(params, daily, window)
    yield from _derived(params)


def _windowed(params: Params, daily: dict[str, Column], window: int) -> Iterator[Feature]:
    span = f"in the last {window} days"
    yield Feature(
        rolled_name("is_active_day", window),
        "numeric",
        "int32",
        "days",
        f"active days {span}",
        0,
        window,
        monotone=-1 if window == min(params.features.windows_days) else 0,
    )
    for name in counted(params)[1:]:
        yield Feature(
            rolled_name(name, window),
            "numeric",
            "int32",
            daily[name].unit,
            _over(daily[name], span),
            0,
        )
    for name in params.features.sums:
        about = _over(daily[name], span)
        least = _least(name, params)
        yield Feature(
            rolled_name(name, window), "numeric", "float64", daily[name].unit, about, least
        )
    for name, entry in params.features.means.items():
        measure = params.data.measures[entry.measure]
        about = (
            f"mean {entry.measure.replace('_', ' ')} {span}; of the daily means, null without one"
        )
        yield Feature(
            f"{name}_{window}d",
            "numeric",
            "float64",
            measure.unit,
            about,
            measure.min,
            measure.max,
        )


def _derived(params: Params) -> Iterator[Feature]:
    short, long = min(params.features.windows_days), max(params.features.windows_days)
    for name, ratio in params.features.ratios.items():
        about = (
            f"{' + '.join(ratio.numerator)} over {' + '.join(ratio.denominator)}"
            f" in the last {long} days; 0 without any"
        )
        yield Feature(f"{name}_{long}d", "numeric", "float64", "share", about, 0)
    for name in trended(params):
        stem = rolled_name(name, long).removesuffix(f"_{long}d").replace("_", " ")
        about = f"change in daily {stem}: the last {short} days against the last {long}"
        yield Feature(trend_name(name, params), "numeric", "float64", "per day", about)
    yield Feature(
        f"weekend_share_{long}d",
        "numeric",
        "float64",
        "share",
        f"weekend share of the active days in the last {long}; null without any",
        0,
        1,
    )
    if params.data.subscriptions:
        yield Feature(
            "current_subscriptions",
            "numeric",
            "int32",
            "periods",
            "subscriptions that run today",
            0,
        )
        yield Feature(
            "subscription_days_left",
            "numeric",
            "int32",
            "days",
            "days to the end of the current subscription that ends last; null without one",
            0,
        )


def _over(column: Column, span: str) -> str:
    """What a daily column means over a span of days."""
    what, mark, detail = column.about.partition("; ")
    return f"{what} {span}{mark}{detail}"


def _least(name: str, params: Params) -> float | None:
    """Lowest possible value of a daily column; a sum of values of either sign has none."""
    entry = params.features.sums.get(name) or params.features.means.get(name)
    if entry is None:
        return 0
    least = params.data.measures[entry.measure].min
    if name in params.features.means:
        return least
    return 0 if least is not None and least >= 0 else None


def features_contract(params: Params) -> Contract:
    """The table user_features_daily: one row per user and day."""
    key = user_daily(params).columns[:2]
    eligible = Column(
        "is_eligible", "int8", False, "0/1", "1: predicted, trained on and counted in metrics"
    )
    columns = tuple(
        Column(f.name, f.type, True, f.unit, f.about, f.minimum, f.maximum)
        for f in features(params)
    )
    return Contract(
        "user_features_daily",
        "features",
        ("user_id", "as_of_date"),
        (*key, eligible, *columns),
        parts=True,
        day="as_of_date",
    )


def as_markdown(params: Params) -> str:
    """The catalogue as a page of documentation."""
    lines = [
        "# Features",
        "",
        "Printed from `src/churn_mlops/features/catalogue.py` by `churn docs`; with other",
        "parameters (`params.yaml: features`) the table has other rows. A row at day `d` sees",
        "events up to the end of `d` and nothing later. `is_eligible` stands beside them in",
        "`user_features_daily` and is not a model input.",
        "",
        "| feature | kind | unit | possible values | meaning |",
        "|---|---|---|---|---|",
    ]
    for f in features(params):
        low = "" if f.minimum is None else f"{f.minimum:g}"
        high = "" if f.maximum is None else f"{f.maximum:g}"
        bounds = f"{low} … {high}" if low or high else ""
        lines.append(f"| `{f.name}` | {f.kind} | {f.unit} | {bounds} | {f.about} |")
    return "\n".join(lines) + "\n"
