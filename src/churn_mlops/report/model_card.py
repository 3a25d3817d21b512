"""The model card of a bundle, in Markdown, after Mitchell et al. 2019.

It is made from the bundle's description alone, so the same bundle has the same card.
"""

from __future__ import annotations

from collections.abc import Sequence

from churn_mlops.registry.meta import FeatureFacts, Meta
from churn_mlops.report import words
from churn_mlops.report.meaning import left, rules
from churn_mlops.report.metrics import METRICS, metric
from churn_mlops.report.words import family

_MARKS = str.maketrans(
    {mark: f"\\{mark}" for mark in "\\`*_[]|#!~"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
)
METHODS = {
    "sigmoid": "a sigmoid on the log-odds (Platt 1999)",
    "beta": "a beta map (Kull, Silva Filho, Flach 2017)",
    "isotonic": "an isotonic map (Zadrozny & Elkan 2002)",
}
THRESHOLDS = {
    "top_k": "where the test days’ lists ended, on average",
    "profit": "where a contact begins to pay",
}


def model_card(meta: Meta) -> str:
    """Write the card.

    Parameters
    ----------
    meta : Meta
        The content of ``bundle.json``.

    Returns
    -------
    str
        Markdown; whatever comes from the data is escaped.
    """
    parts = [
        f"# Model card: churn within {words.days(meta.label.window_days)}",
        _details(meta),
        _intended_use(),
        _label(meta),
        _data(meta),
        _features(meta.features),
        _metrics(meta),
        _calibration(meta),
        _thresholds(meta),
        _limitations(meta),
        _verify(),
    ]
    return "\n\n".join(parts).replace(words.SPACE, " ") + "\n"


def _details(meta: Meta) -> str:
    versions = [(name, f"`{version}`") for name, version in sorted(meta.versions.items())]
    settings = [
        (name, "none" if value is None else str(value))
        for name, value in sorted(meta.settings.items())
    ]
    return "\n\n".join(
        (
            "## Model",
            f"{words.capital(family(meta.family))} on {words.some(len(meta.features), 'feature')},"
            " calibrated; takes a user’s row of a day and gives the probability of churn.",
            _table(("software", "version"), versions, raw=(1,)),
            _table(("setting", "value"), settings),
        )
    )


def _intended_use() -> str:
    return """## Intended use

Ranking a day's active users by their risk of leaving, so that a retention team knows whom to
contact first and what the model looked at. Not meant for decisions that a user suffers from (price,
access, credit), for users who are not eligible, or for another meaning of churn than this one."""


def _label(meta: Meta) -> str:
    facts = [(name, text) for name, text in rules(meta.label)]
    return "\n\n".join(("## What churn means", _escaped(left(meta.label)), _table(("", ""), facts)))


def _data(meta: Meta) -> str:
    w = meta.window
    rows = [
        ("train", words.day(w.train_first_day), words.day(w.train_last_day), f"{w.train_days:,}"),
        ("test", words.day(w.test_first_day), words.day(w.test_last_day), f"{w.test_days:,}"),
    ]
    digests = [(name, f"`{digest}`") for name, digest in sorted(meta.data.items())]
    return "\n\n".join(
        (
            "## Data",
            _table(("days", "first", "last", "number"), rows),
            f"An embargo of {words.days(w.embargo_days)} lies between them, so that no training"
            " label looks into the test days.",
            _table(("data set", "SHA-256"), digests, raw=(1,)),
        )
    )


def _features(features: Sequence[FeatureFacts]) -> str:
    rows = [
        (f.name, f.kind, f.unit, _plain(f.typical), f.about.partition(";")[0]) for f in features
    ]
    head = ("feature", "kind", "unit", "typical", "meaning")
    return f"## Features\n\n{_table(head, rows)}"


def _metrics(meta: Meta) -> str:
    order = [m.key for m in METRICS if m.key in meta.metrics]
    rows = []
    for key in order:
        m = metric(key)
        bounds = words.between(meta.intervals.get(key), m.show)
        rows.append((m.name, m.show(meta.metrics[key]), bounds or words.NONE, m.meaning))
    found = meta.metrics
    tested = [
        f"{words.count(found[key])} {noun}"
        for key, noun in (("rows", "rows"), ("users", "users"))
        if key in found
    ]
    on = f" ({' of '.join(tested)})" if tested else ""
    base = f"; {words.percent(found['base_rate'])} of the rows left" if "base_rate" in found else ""
    others = [
        (key, words.number(value, 0 if value == round(value) else 4))
        for key, value in sorted(found.items())
        if key not in order and key not in ("rows", "users", "churned", "base_rate")
    ]
    more = [_table(("further", "value"), others)] if others else []
    head = ("metric", "value", "interval", "meaning")
    return "\n\n".join(
        ("## Metrics", f"On the test days{on}{base}. Intervals come from resampling users.",
         _table(head, rows), *more)
    )  # fmt: skip


def _calibration(meta: Meta) -> str:
    method = meta.calibration.method
    ece = meta.metrics.get("ece")
    error = f" On the test days a risk is off by {words.number(ece)} on average." if ece else ""
    return (
        f"## Calibration\n\nRisks are made true by {METHODS[method]}, fitted on users that the"
        f" model was not fitted on.{error}"
    )


def _thresholds(meta: Meta) -> str:
    rows = [
        (name, words.number(value), THRESHOLDS.get(name, ""))
        for name, value in sorted(meta.thresholds.items())
    ]
    table = _table(("threshold", "risk", "meaning"), rows)
    return "## Thresholds\n\n" + (table if rows else "None is set.")


def _limitations(meta: Meta) -> str:
    w = meta.window
    return f"""## Limitations

- It knows the days from {words.day(w.train_first_day)} to {words.day(w.train_last_day)}. Behaviour
  that is new since then (another season, price, product) is new to it.
- Risks hold for eligible users only, {_escaped(dict(rules(meta.label))["Who is predicted"])}.
- It predicts who leaves, not whom a contact keeps; the effect of contacting takes a group that is
  left alone.
- Reasons say what the model looked at, not what makes a user leave.
- Metrics of small groups are less sure than those of all users; see the slices of the report."""


def _verify() -> str:
    return """## How to verify it

```
sha256sum -c SHA256SUMS
sha256sum SHA256SUMS
```

The first command, run inside the bundle, compares every file with its digest. The second prints
the bundle's own digest; its first 12 digits are the `model_version` beside predictions. Digests
find damage and mix-ups. They are no signature."""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], raw: Sequence[int] = ()) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in rows:
        cells = (_code(cell) if n in raw else _escaped(cell) for n, cell in enumerate(row))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return " ".join(text.translate(_MARKS).split())


def _code(text: str) -> str:
    inside = " ".join(text.strip("`").replace("`", "'").replace("|", "/").split())
    return f"`{inside}`"


def _plain(value: float | str | None) -> str:
    if value is None:
        return words.NONE
    return value if isinstance(value, str) else f"{value:.4g}"
