"""The section about drift: what moved since the champion proved itself."""

from __future__ import annotations

from typing import Any

from churn_mlops.report import strips, words
from churn_mlops.report.inputs import Inputs
from churn_mlops.report.section import Section
from churn_mlops.report.watched import Drift

TITLE = "Drift"
MOST_COLUMNS = 10
# A bar is full at an index that is far beyond any doubt.
FULL_BAR = 0.5
LEVELS = {
    "OK": ("✓", "as before", "good"),
    "WARN": ("!", "moved", "bad"),
    "FAIL": ("✗", "moved far", "bad"),
    "MUTED": ("–", "moves by itself", "quiet"),
}


def drift(inputs: Inputs) -> Section:
    """The latest drift check."""
    found = inputs.drift
    if found is None:
        return Section("drift", TITLE, "No day has been checked for drift yet (churn drift-check).")
    parts: dict[str, Any] = {
        "findings": [(f, *LEVELS.get(f.level, ("", f.level, "quiet"))) for f in found.findings],
        "rows": rows(found),
        "facts": facts(found),
        "hidden": max(len(found.columns) - MOST_COLUMNS, 0),
    }
    return Section("drift", TITLE, lead(found), parts)


def lead(found: Drift) -> str:
    """The status in one sentence."""
    day = words.day(found.as_of_date)
    if not found.findings:
        return (
            f"{day} looks like the days on which the champion was tested: nothing moved beyond"
            " what chance explains, or far enough to matter."
        )
    first = found.findings[0].text
    more = len(found.findings) - 1
    rest = f" There is {words.some(more, 'more finding')}." if more else ""
    return f"{day} is not as the champion knows it: {first}.{rest}"


def rows(found: Drift) -> list[dict[str, object]]:
    """The columns that come first by level and by PSI times importance."""
    return [
        {
            "column": column.column,
            "text": column.text.removeprefix(f"{column.column}: "),
            "psi": words.number(column.psi, 2),
            "chance": words.number(column.chance_psi, 2),
            "importance": words.percent(column.importance),
            "bar": strips.bar(column.psi / FULL_BAR, f"PSI {words.number(column.psi, 2)}"),
            "level": LEVELS.get(column.level, ("", column.level, "quiet")),
        }
        for column in found.columns[:MOST_COLUMNS]
    ]


def facts(found: Drift) -> list[tuple[str, str]]:
    """What was compared with what, and what is not a single column."""
    span = f"{words.day(found.reference.first_day)} to {words.day(found.reference.last_day)}"
    told = [
        ("Checked", f"{words.some(found.users, 'user')} of {words.day(found.as_of_date)}"),
        (
            "Compared with",
            f"{words.some(found.reference.rows, 'row')} of the test days {span}:"
            f" {found.reference.compared}",
        ),
    ]
    if found.risk is not None:
        means = (
            f"mean {words.percent(found.risk.reference_mean)} → {words.percent(found.risk.mean)}"
        )
        told.append(
            ("Predicted risk", f"{_level(found.risk.level)}: PSI"
             f" {words.number(found.risk.psi, 2)}, {means}")
        )  # fmt: skip
    if found.joint is not None:
        auc = words.number(found.joint.roc_auc, 2)
        told.append(
            ("All columns together", f"{_level(found.joint.level)}: a classifier tells the day from"
             f" the reference with a ROC AUC of {auc} (0.50: not at all)")
        )  # fmt: skip
    return told


def _level(level: str) -> str:
    return LEVELS.get(level, ("", level, ""))[1]
