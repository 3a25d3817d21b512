"""What a growing table was made from and how far it reaches: _made.json in its folder.

A day may be added to a table only when the same parameters and the same code would have made
all of it, and when the table that it is made from is still the one that it was made from.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Self

from churn_mlops.files import write_json
from churn_mlops.params import Params
from churn_mlops.tables.contract import Contract

NAME = "_made.json"
PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Made:
    """How a table was made.

    Parameters
    ----------
    fingerprint : str
        Of the parameters and the code, and of the table that it was made from.
    build : str
        Names the last run that made the table as a whole.
    whole : date
        The last day of that run.
    last_day : date
        The last day that is in the table now.
    first : date, optional
        The first of the days that were worked on when it got there, so that a step that is run
        again does the same; None after a run that made the whole.
    """

    fingerprint: str
    build: str
    whole: date
    last_day: date
    first: date | None = None

    @classmethod
    def anew(cls, fingerprint: str, last_day: date, rows: int) -> Self:
        """A table that was made as a whole, with so many rows."""
        text = f"{fingerprint} {last_day} {rows}"
        return cls(fingerprint, _digest(text.encode()), last_day, last_day)

    def grown(self, first: date, last: date) -> Made:
        """The same table after some of its days were worked on, the last ones perhaps new."""
        first = first if last > self.last_day else self.first or first
        return replace(self, first=first, last_day=last)

    def write(self, folder: Path) -> None:
        """Write it into the table's folder."""
        body = {"fingerprint": self.fingerprint, "build": self.build}
        days = {"whole": self.whole.isoformat(), "last_day": self.last_day.isoformat()}
        began = {"first": self.first.isoformat()} if self.first else {}
        write_json(folder / NAME, body | days | began)


def read_made(contract: Contract, params: Params) -> Made | None:
    """How a table was made; None when it does not say so, and so can only be made anew."""
    path = contract.path(params) / NAME
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        days = (date.fromisoformat(body["whole"]), date.fromisoformat(body["last_day"]))
        first = date.fromisoformat(body["first"]) if "first" in body else None
        return Made(str(body["fingerprint"]), str(body["build"]), *days, first)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def fingerprint(body: Any, rooms: tuple[str, ...]) -> str:
    """Digest of parameters and of the code that works with them.

    Parameters
    ----------
    body : what JSON can hold
        The parameters.
    rooms : tuple of str
        Packages of the project, such as ``features``, or files of it.
    """
    text = json.dumps(body, sort_keys=True, default=str)
    return _digest(f"{text} {_code(rooms)}".encode())


@functools.cache
def _code(rooms: tuple[str, ...]) -> str:
    places = [PACKAGE / room for room in rooms]
    files = [f for p in places for f in ([p] if p.is_file() else sorted(p.glob("*.py")))]
    return _digest(b"".join(file.read_bytes() for file in files))


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]
