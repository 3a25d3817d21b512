"""Sections about using the model: what a contact pays, what the model looks at."""

from __future__ import annotations

from collections import Counter

from churn_mlops.report import figures, strips, words
from churn_mlops.report.section import Section
from churn_mlops.report.shapes import Weight
from churn_mlops.report.subject import Subject

MOST_FEATURES = 15
VALUES = {
    "customer_value": "Value of a user who stays",
    "contact_cost": "Cost of a contact",
    "offer_cost": "Cost of an offer taken",
    "success_rate": "Share of leavers kept by a contact",
    "budget": "Budget of a day’s list",
}


def profit(about: Subject) -> Section:
    """The profit curve."""
    title, found = "What contacting pays", about.model.profit
    figure = figures.profit(found) if found else None
    if found is None or figure is None:
        return Section(
            "profit", title, "Nothing is said about what a contact is worth (scoring.value)."
        )
    least = found.best_threshold
    which = f" (a risk of {words.percent(least)} or more)" if least is not None else ""
    lead = (
        f"Contacting the riskiest {words.percent(found.best_share)}{which} pays most:"
        f" {words.number(found.best_profit_per_user, 2)} per user, in the currency of"
        " scoring.value."
        if found.best_profit_per_user > 0
        else "At these values, contacting nobody pays most."
    )
    values = [
        (VALUES.get(name, name), _value(name, value))
        for name, value in found.value.items()
        if value is not None
    ]
    return Section("profit", title, lead, {"figure": figure, "values": values})


def _value(name: str, value: float) -> str:
    if name == "success_rate":
        return words.percent(value)
    return words.number(value, 0 if value == round(value) else 2)


def _title(w: Weight, alike: int) -> str:
    """What a feature means; its name where several mean the same in words."""
    about = w.about.partition(";")[0].strip()
    return about if about and alike == 1 else w.feature


def importance(about: Subject) -> Section:
    """What the model looks at."""
    title = "What the model looks at"
    found = sorted(about.model.importance, key=lambda w: (-w.share, w.feature))
    if not found:
        return Section("importance", title, "The evaluation holds no importance of features.")
    first = found[:3]
    said = Counter(w.about for w in found)
    titles = {w.feature: _title(w, said[w.about]) for w in found}
    names = words.listed([titles[w.feature] for w in first])
    lead = (
        f"{words.percent(sum(w.share for w in first))} of what the model says comes from: {names}."
    )
    most = found[0].share or 1.0
    rows = [
        {
            "about": titles[w.feature],
            "feature": "" if titles[w.feature] == w.feature else w.feature,
            "share": words.percent(w.share),
            "bar": strips.bar(w.share / most, f"{w.feature}: {words.percent(w.share)}"),
        }
        for w in found[:MOST_FEATURES]
    ]
    rest = found[MOST_FEATURES:]
    more = (
        f"{words.some(len(rest), 'further feature')} carry"
        f" {words.percent(sum(w.share for w in rest))} together."
        if len(rest) > 1
        else ""
    )
    return Section("importance", title, lead, {"rows": rows, "more": more})
