"""What a drift check finds, and how serious it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["OK", "WARN", "FAIL"]
LEVELS: tuple[Level, ...] = ("OK", "WARN", "FAIL")
EXIT_CODES = {"OK": 0, "FAIL": 2, "WARN": 3}
SEVERITY: dict[str, int] = {"OK": 0, "MUTED": 0, "WARN": 1, "FAIL": 2}

GONE, CONSTANT, VANISHED, VOLUME, UNIT = "CHN401", "CHN402", "CHN403", "CHN404", "CHN405"
FOLLOWS = "CHN406"
MOVED, RISK_MOVED, JOINT = "CHN411", "CHN412", "CHN413"


@dataclass(frozen=True)
class Finding:
    """One finding.

    Parameters
    ----------
    check : str
        Number of the check that found it.
    level : {"WARN", "FAIL"}
    column : str or None
        The column, event type's column or table that it is about.
    text : str
        What happened, in words and numbers.
    upstream : bool
        It looks like a fault of whoever delivers the data: nothing to learn from.
    """

    check: str
    level: Literal["WARN", "FAIL"]
    column: str | None
    text: str
    upstream: bool = False

    def as_json(self) -> dict[str, Any]:
        """The finding as JSON holds it."""
        return asdict(self)


def worst(levels: list[str]) -> Level:
    """The most serious of some levels."""
    most = max((SEVERITY[level] for level in levels), default=0)
    return LEVELS[most]
