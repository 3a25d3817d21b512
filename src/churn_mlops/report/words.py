"""Numbers, days and lists as people read them: sensible digits, the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date

NONE = "–"
MINUS = "−"
SPACE = "\u00a0"
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip

FAMILIES = {
    "lightgbm": "boosted trees (LightGBM)",
    "logistic_regression": "logistic regression",
    "logistic": "logistic regression",
}

Show = Callable[[float | None], str]


def known(value: float | None) -> bool:
    """Whether there is a finite number."""
    return value is not None and math.isfinite(value)


def number(value: float | None, decimals: int = 3) -> str:
    """``0.912``; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return NONE
    text = f"{value:,.{decimals}f}"
    if not text.strip("-0.,"):
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def signed(value: float | None, decimals: int = 3) -> str:
    """``+0.012``, ``−0.004``."""
    text = number(value, decimals)
    return text if text == NONE or text.startswith(MINUS) else f"+{text}"


def count(value: float | None) -> str:
    """``12,345``."""
    return number(value, 0)


def percent(value: float | None) -> str:
    """``83 %``, ``8.3 %``, ``0.83 %``, ``99.9 %``: more digits where they matter."""
    if value is None or not math.isfinite(value):
        return NONE
    size = abs(value)
    if size < 5e-5 or size == 1 or 0.0995 <= size <= 0.995 or size > 1:
        decimals = 0
    elif size >= 0.00995:
        decimals = 1
    else:
        decimals = 2
    return f"{number(100 * value, decimals)}{SPACE}%"


def times(value: float | None) -> str:
    """``2.4 ×``."""
    text = number(value, 1)
    return text if text == NONE else f"{text}{SPACE}×"


def between(bounds: tuple[float, float] | None, show: Show = number) -> str:
    """``0.897 to 0.925``, ``79 to 86 %``; empty where there is no interval."""
    if bounds is None or not all(map(known, bounds)):
        return ""
    low, high = (show(bound) for bound in bounds)
    for unit in (f"{SPACE}%", f"{SPACE}×"):
        if low.endswith(unit) and high.endswith(unit):
            low = low.removesuffix(unit)
    return f"{low} to {high}"


def day(value: date | str | None) -> str:
    """``1 January 2025``; what is no ISO day stays as it is."""
    found = _date(value)
    if found is None:
        return str(value or NONE)
    return f"{found.day}{SPACE}{_MONTHS[found.month - 1]} {found.year}"


def short_day(value: date | str | None) -> str:
    """``1 Jan``; what is no ISO day stays as it is."""
    found = _date(value)
    if found is None:
        return str(value or NONE)
    return f"{found.day}{SPACE}{_MONTHS[found.month - 1][:3]}"


def middle_day(value: date | str | None) -> str:
    """``1 Jan 2025``; what is no ISO day stays as it is."""
    found = _date(value)
    return short_day(value) if found is None else f"{short_day(found)}{SPACE}{found.year}"


def days(value: int) -> str:
    """``1 day``, ``30 days``."""
    return f"{value:,}{SPACE}{'day' if value == 1 else 'days'}"


def some(value: int, noun: str) -> str:
    """``1 check``, ``7 checks``."""
    return f"{value:,} {noun if value == 1 else f'{noun}s'}"


def listed(parts: Sequence[str], last: str = "and") -> str:
    """``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def capital(text: str) -> str:
    """The text with its first letter in capitals and the rest as it is."""
    return text[:1].upper() + text[1:]


def family(name: str) -> str:
    """A family in words."""
    return FAMILIES.get(name, name.replace("_", " "))


def _date(value: date | str | None) -> date | None:
    if isinstance(value, date) or value is None:
        return value
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None
