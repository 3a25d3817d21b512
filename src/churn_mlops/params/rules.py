"""What holds between parts of the tree: names that must exist, periods that must fit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from churn_mlops.params.tree import Params

Finding = tuple[str, str]


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the nearest of the valid names, or nothing."""
    close = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""


def _unknown(
    path: str, names: Iterable[str] | None, valid: Iterable[str], of: str
) -> Iterator[Finding]:
    known = list(valid)
    for name in names or ():
        if name not in known:
            yield path, f"'{name}' is not in {of}{nearest(name, known)}"


def findings(params: Params) -> Iterator[Finding]:
    """Yield the path of a key and what is wrong with it, for all rules between sections.

    Parameters
    ----------
    params : Params
        A tree whose single values are already valid.
    """
    data, features, churn, training = params.data, params.features, params.churn, params.training
    types, measures = data.event_types, data.measures
    if not types:
        yield "data.event_types", "no event type given"
    yield from _unknown("churn.active_events", churn.active_events, types, "data.event_types")
    for name, counted in features.counts.items():
        yield from _unknown(f"features.counts.{name}", counted, types, "data.event_types")
    for section, entries in (("sums", features.sums), ("means", features.means)):
        for name, entry in entries.items():
            path = f"features.{section}.{name}"
            yield from _unknown(f"{path}.events", entry.events, types, "data.event_types")
            yield from _unknown(f"{path}.measure", [entry.measure], measures, "data.measures")
    for name, ratio in features.ratios.items():
        for part in ("numerator", "denominator"):
            path = f"features.ratios.{name}.{part}"
            yield from _unknown(path, getattr(ratio, part), features.counts, "features.counts")
    for event_type, measure in params.validation.required.items():
        yield from _unknown("validation.required", [event_type], types, "data.event_types")
        path = f"validation.required.{event_type}"
        yield from _unknown(path, [measure], measures, "data.measures")
    kinds = {name for name, kind in features.static.items() if kind == "categorical"}
    of = "the categorical features.static"
    yield from _unknown("evaluation.slices", params.evaluation.slices, sorted(kinds), of)
    yield from _periods(params)
    if data.source == "files" and not data.files.events:
        yield "data.files.events", "data.source is 'files' and no path of events is given"
    if params.tables.location and params.tables.format != "parquet":
        yield "tables.location", "needs tables.format: parquet"
    if data.source == "sql":
        for key in ("url", "events"):
            if not getattr(data.sql, key):
                yield f"data.sql.{key}", "data.source is 'sql' and this is not given"
    if churn.within_subscription and not data.subscriptions:
        yield "churn.within_subscription", "needs data.subscriptions: true"
    start, end = training.train_start, training.test_start
    if start and end and end <= start:
        yield "training.test_start", f"{end} is not after training.train_start {start}"


def _periods(params: Params) -> Iterator[Finding]:
    data, churn = params.data, params.churn
    if data.source == "synthetic" and data.start_date is None:
        yield "data.start_date", "the synthetic portal needs a first day"
        return
    end = data.end_date or (data.last_synthetic_day if data.source == "synthetic" else None)
    if data.start_date is None or end is None:
        return
    days = (end - data.start_date).days + 1
    if days < 1:
        yield "data.end_date", f"{end} lies before data.start_date {data.start_date}"
        return
    if data.source == "synthetic" and end > data.last_synthetic_day:
        yield "data.end_date", f"{end} lies after the portal's last day {data.last_synthetic_day}"
    if churn.window_days >= days:
        yield (
            "churn.window_days",
            f"a horizon of {churn.window_days} days does not fit into {days} days of data",
        )
    longest = max(params.features.windows_days)
    if longest > days:
        yield (
            "features.windows_days",
            f"a window of {longest} days is longer than the {days} days of data",
        )
