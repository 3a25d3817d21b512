"""The page: all sections in order, put into the template."""

from __future__ import annotations

from typing import Any

from churn_mlops.report import breakdown, quality, story, use, words
from churn_mlops.report.drift import drift
from churn_mlops.report.inputs import Inputs
from churn_mlops.report.performance import performance
from churn_mlops.report.section import Section
from churn_mlops.report.subject import Subject, champion_version, subject
from churn_mlops.report.templates import filled_in
from churn_mlops.report.words import family


def render(inputs: Inputs) -> str:
    """Write the page; the same inputs give the same text."""
    return filled_in("page.html.j2", context(inputs))


def context(inputs: Inputs) -> dict[str, Any]:
    """What the template shows."""
    about = subject(inputs)
    return {
        "head": head(inputs, about),
        "sections": sections(inputs, about),
        "foot": foot(inputs, about),
    }


def sections(inputs: Inputs, about: Subject) -> list[Section]:
    """All sections in the order of the page."""
    return [
        story.data(inputs),
        story.meaning(inputs, about),
        quality.metrics(about),
        quality.curves(about),
        quality.calibration(about),
        breakdown.backtest(inputs, about),
        performance(inputs),
        drift(inputs),
        breakdown.slices(about),
        use.profit(about),
        use.importance(about),
        story.promotion(inputs),
        story.checks(about),
        story.users(inputs),
    ]


def as_of(inputs: Inputs, about: Subject) -> str | None:
    """The day the page is about: the scored one, else the log's last, else the last tested."""
    if inputs.users:
        return inputs.users[0].as_of_date
    last = inputs.validation.calendar.get("last_day") if inputs.validation else None
    return last or (about.model.split.test_last_day if about.model.split else None)


def head(inputs: Inputs, about: Subject) -> dict[str, Any]:
    """The header: the sentence that matters most, and the facts."""
    top_k = inputs.params.scoring.top_k
    version, day = champion_version(inputs), as_of(inputs, about)
    kind = family((inputs.champion.meta if inputs.champion else about.model).family)
    sign, decision = story.decision(inputs.promotion) if inputs.promotion else ("", words.NONE)
    notes = []
    if inputs.champion_fault:
        notes.append(f"The champion’s bundle could not be read: {inputs.champion_fault}")
    if not about.is_champion:
        which = f"The figures are those of the {about.model.name}"
        why = "there is no champion yet" if version is None else "the champion was trained earlier"
        notes.append(f"{which} ({about.model.model_version}): {why}.")
    return {
        "sentence": quality.list_sentence(about.model, top_k),
        "interval": quality.list_interval(about.model, top_k),
        "chance": quality.chance_sentence(about.model, top_k),
        "facts": [
            ("As of", words.day(day), ""),
            ("Champion", version or "none yet", "code" if version else ""),
            ("Model", kind, ""),
            ("Gate", f"{sign} {decision}".strip(), ""),
        ],
        "as_of": words.day(day) if day else "",
        "notes": notes,
    }


def foot(inputs: Inputs, about: Subject) -> dict[str, Any]:
    """Versions and digests."""
    champion = inputs.champion
    digests = []
    if champion:
        digests = [("bundle (SHA256SUMS)", champion.digest), *sorted(champion.meta.data.items())]
    models = [(f"{e.name}, {family(e.family)}", e.model_version) for e in about.models]
    versions = sorted(champion.meta.versions.items()) if champion else []
    return {
        "digests": digests,
        "models": models,
        "versions": versions,
        "folder": f"{inputs.params.paths.artifacts}/production",
    }
