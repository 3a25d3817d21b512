"""The split in time as a drawing: train days, embargo, test days."""

from __future__ import annotations

from datetime import date, timedelta

from markupsafe import Markup

from churn_mlops.report.markup import tag
from churn_mlops.report.shapes import Split
from churn_mlops.report.words import day, days, short_day

# A band is never drawn narrower than this, so that its words fit on a phone.
LEAST = 0.25
HEIGHT, TOP, BAR = 92, 24, 42


def timeline(split: Split) -> Markup:
    """Draw the bands, as wide as the page; first days above, last days below."""
    bands = _bands(split)
    parts: list[Markup] = []
    start = 0.0
    for (name, length, first, last), share in zip(bands, shares(split), strict=True):
        end = start + share
        parts += [
            tag(
                "rect", class_=f"band {name}", x=_percent(start), y=TOP,
                width=_percent(share), height=BAR,
            ),
            _text(name, start + share / 2, TOP + 18, f"band-name on-{name}", "middle"),
            _text(days(length), start + share / 2, TOP + 34, f"band-days on-{name}", "middle"),
            _text(short_day(first), start, TOP - 8, "tick", "start"),
            _text(short_day(last), end, TOP + BAR + 18, "tick", "end"),
        ]  # fmt: skip
        start = end
    said = "; ".join(f"{name} {day(a)} to {day(b)}, {days(n)}" for name, n, a, b in bands)
    title = f"The split in time: {said}"
    return tag(
        "svg", tag("title", title), *parts,
        class_="timeline", width="100%", height=HEIGHT, role="img", aria_label=title,
    )  # fmt: skip


def shares(split: Split) -> list[float]:
    """Widths of the bands: as the calendar days, but none below the least."""
    spans = [(_day(b) - _day(a)).days + 1 for _, _, a, b in _bands(split)]
    total = max(sum(spans), 1)
    narrow = [span / total < LEAST for span in spans]
    left = 1 - LEAST * sum(narrow)
    rest = sum(span for span, small in zip(spans, narrow, strict=True) if not small) or 1
    return [
        LEAST if small else left * span / rest for span, small in zip(spans, narrow, strict=True)
    ]


def to_scale(split: Split) -> bool:
    """Whether the widths are those of the calendar."""
    spans = [(_day(b) - _day(a)).days + 1 for _, _, a, b in _bands(split)]
    return min(spans) / max(sum(spans), 1) >= LEAST


def _bands(split: Split) -> list[tuple[str, int, str, str]]:
    """Name, number of days, first and last day of each."""
    one = timedelta(days=1)
    first = str(_day(split.train_last_day) + one)
    last = str(_day(split.test_first_day) - one)
    gap = (_day(last) - _day(first)).days + 1
    bands = [("train", split.train_days, split.train_first_day, split.train_last_day)]
    if gap > 0:
        bands.append(("embargo", gap, first, last))
    return [*bands, ("test", split.test_days, split.test_first_day, split.test_last_day)]


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"


def _text(text: str, x: float, y: float, style: str, anchor: str) -> Markup:
    return tag("text", text, class_=style, x=_percent(x), y=y, text_anchor=anchor)
