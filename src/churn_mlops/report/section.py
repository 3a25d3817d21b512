"""A section of the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Section:
    """A title, one sentence that says what the section means, and what the template shows.

    Without `parts` there is nothing but the sentence.
    """

    key: str
    title: str
    lead: str
    parts: dict[str, Any] = field(default_factory=dict)
