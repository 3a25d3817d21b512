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
    """

    fingerprint: str
    build: str
    whole: date
    last_day: date

    @classmethod
    def anew(cls, fingerprint: str, last_day: date, rows: int) -> Self:
        """A table that was made as a whole, with so many rows."""
        text = f"{fingerprint} {last_day} {rows}"
        return cls(fingerprint, _digest(text.encode()), last_day, last_day)

    def until(self, day: date) -> Made:
        """The same table, some days longer."""
        return replace(self, last_day=max(day, self.last_day))

    def write(self, folder: Path) -> None:
        """Write it into the table's folder."""
        body = {"fingerprint": self.fingerprint, "build": self.build}
        days = {"whole": self.whole.isoformat(), "last_day": self.last_day.isoformat()}
        write_json(folder / NAME, body | days)


def read_made(contract: Contract, params: Params) -> Made | None:
    """How a table was made; None when it does not say so, and so can only be made anew."""
    path = contract.path(params) / NAME
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        days = (date.fromisoformat(body["whole"]), date.fromisoformat(body["last_day"]))
        return Made(str(body["fingerprint"]), str(body["build"]), *days)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def fingerprint(body: Any, rooms: tuple[str, ...]) -> str:
    """Digest of parameters and of the code that works with them.

    Parameters
    ----------
    body : what JSON can hold
        The parameters.
    rooms : tuple of str
        Packages of the project, such as ``features``.
    """
    text = json.dumps(body, sort_keys=True, default=str)
    return _digest(f"{text} {_code(rooms)}".encode())


@functools.cache
def _code(rooms: tuple[str, ...]) -> str:
    files = [file for room in rooms for file in sorted((PACKAGE / room).glob("*.py"))]
    return _digest(b"".join(file.read_bytes() for file in files))


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]
