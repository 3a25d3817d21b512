"""What people are told, the same on every channel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["critical", "warning", "info"]
TITLE_CHARACTERS = 140
LINE_CHARACTERS = 600


@dataclass(frozen=True)
class Message:
    """A message.

    Parameters
    ----------
    title : str
        One line.
    lines : tuple of str
    severity : {"critical", "warning", "info"}
    link : str or None
        Where to read more.
    facts : mapping
        What programs want to know; values that JSON can hold.
    about : mapping
        What makes this another message than the one before: two with the same are the same.
    """

    title: str
    lines: tuple[str, ...]
    severity: Severity = "info"
    link: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Sixteen digits that are the same for the same news."""
        about = dict(self.about) or {"title": self.title, "lines": self.lines}
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]

    def text(self) -> str:
        """All of it below the title, as plain text."""
        return "\n".join([*self.lines, *([self.link] if self.link else [])])

    def as_json(self) -> dict[str, Any]:
        """The body that a webhook gets; docs/jobs.md documents it."""
        return {
            "id": self.id,
            "title": self.title,
            "severity": self.severity,
            "lines": list(self.lines),
            "link": self.link,
            "text": f"{self.title}\n{self.text()}",
            "facts": dict(self.facts),
        }


def one_line(text: str, characters: int = LINE_CHARACTERS) -> str:
    """A text on one line, cut with an ellipsis when it is too long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= characters else f"{flat[: characters - 1].rstrip()}…"
