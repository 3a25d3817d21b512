"""What all sections of the tree have in common: strictness, and the types of their keys."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Days = Annotated[int, Field(ge=1, le=3650)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=63)]
IdType = Literal["integer", "text"]


class Section(BaseModel):
    """A part of the tree: immutable, strict about names and types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def as_date(value: object) -> object:
    """Accept ISO text where YAML or the environment did not make a date of it."""
    return date.fromisoformat(value) if isinstance(value, str) else value
