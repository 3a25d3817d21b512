"""The ledger of decisions: an append-only file of JSON lines, each chained to the one before.

Every line ends with one newline and is the canonical JSON (keys sorted, no spaces, ASCII) of

    n          number of the entry, from 1: its line
    at         when, UTC, such as 2025-01-31T12:00:00+00:00
    action     what was done
    facts      an object with what belongs to it
    previous   hash of the entry before; 64 zeros for the first
    hash       SHA-256 of the canonical JSON of all the above

So a changed byte, wherever it is, and a line that was removed from the middle, moved or put in
are found from the file alone. Two things are not: lines cut off at the end, and a file whose
hashes were all made anew, for whoever can write the file can also compute SHA-256. Against both,
keep `Ledger.head` in a place with other keepers (a tag in the registry) and give it to
`Ledger.verify`, which then makes sure that the chain still holds that entry.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from churn_mlops.errors import LedgerError

START = "0" * 64
_TYPES = {"n": int, "at": str, "action": str, "facts": dict, "previous": str, "hash": str}
_COMPARE = "find out who changed it and put back the file from a backup or the version control"
_HALF = (
    "a process was killed while writing: when nothing else is wrong, take away that last line"
    " (`sed -i '$d' FILE`) and repeat what it was about"
)


@dataclass(frozen=True)
class Entry:
    """One line of the ledger; the fields are explained at the top of this module."""

    n: int
    at: str
    action: str
    facts: Mapping[str, Any]
    previous: str
    hash: str


class Ledger:
    """The ledger in a file; a file that does not exist is a ledger without entries.

    Every method reads and verifies the whole file: it is meant for decisions, of which there are
    hundreds, not for measurements. Processes and threads may use one file at a time: a lock
    (`fcntl.flock`, which not every network file system keeps) lets one write and none read then.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, action: str, /, **facts: Any) -> Entry:
        """Write an entry; when this returns, it is on the disk.

        Parameters
        ----------
        action : str
        **facts : JSON values
            None, bool, int, finite float, str, list, and dict with str keys.

        Returns
        -------
        Entry

        Raises
        ------
        LedgerError
            A fact is no JSON, the ledger is damaged already (it is not continued then), or the
            file cannot be written.
        """
        _check_facts(action, facts)
        with self._opened(os.O_RDWR | os.O_APPEND | os.O_CREAT, fcntl.LOCK_EX) as file:
            body = _read(file)
            entries = self._parse(body)
            content: dict[str, Any] = {
                "n": len(entries) + 1,
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "action": action,
                "facts": facts,
                "previous": entries[-1].hash if entries else START,
            }
            content["hash"] = _hash(content)
            try:
                _write(file, _canonical(content) + b"\n")
            except OSError:
                # A full disk must not leave half a line, which would end the ledger for good.
                os.ftruncate(file, len(body))
                raise
            if not entries:
                _sync_folder(self.path.parent)
        return Entry(**content)

    def entries(self) -> list[Entry]:
        """All entries, first to last, verified; see `verify` for what is raised."""
        try:
            with self._opened(os.O_RDONLY, fcntl.LOCK_SH) as file:
                return self._parse(_read(file))
        except FileNotFoundError:
            return []

    def head(self) -> tuple[int, str]:
        """Number and hash of the last entry; (0, 64 zeros) for a ledger without entries."""
        entries = self.entries()
        return (entries[-1].n, entries[-1].hash) if entries else (0, START)

    def verify(self, head: tuple[int, str] | None = None) -> None:
        """Make sure that every line is as it was written and follows the one before.

        Parameters
        ----------
        head : tuple of int and str, optional
            An earlier answer of `head`, kept elsewhere. The chain must hold that entry, so
            everything up to it is what it was then.

        Raises
        ------
        LedgerError
            Names the first line that does not fit.
        """
        entries = self.entries()
        if head is None:
            return
        n, expected = head
        if not 0 <= n <= len(entries):
            raise LedgerError(
                f"{self.path} ends after line {len(entries)}, but line {n} has been there: its end"
                " was cut off",
                fix=_COMPARE,
            )
        if (entries[n - 1].hash if n else START) != expected:
            raise LedgerError(
                f"{self.path}, line {n} is another one than was noted elsewhere: it or lines before"
                " it were written anew",
                fix=_COMPARE,
            )

    @contextmanager
    def _opened(self, flags: int, lock: int) -> Iterator[int]:
        writes = bool(flags & os.O_CREAT)
        try:
            if writes:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, flags | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(file, lock)
                yield file
            finally:
                # Closing unlocks.
                os.close(file)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not writes:
                # The caller knows what a missing file means.
                raise
            verb = "written" if writes else "read"
            raise LedgerError(
                f"the ledger {self.path} cannot be {verb}: {error.strerror or error}",
                fix="see to the directory's rights and room",
            ) from error

    def _parse(self, body: bytes) -> list[Entry]:
        *lines, rest = body.split(b"\n")
        entries: list[Entry] = []
        for number, line in enumerate(lines, 1):
            entry = _entry(line)
            if entry is None:
                raise LedgerError(
                    f"{self.path}, line {number} is not as it was written", fix=_COMPARE
                )
            previous = entries[-1].hash if entries else START
            if (entry.n, entry.previous) != (number, previous):
                raise LedgerError(
                    f"{self.path}, line {number} (entry {entry.n}) does not follow the line before:"
                    " lines were removed, moved or put in",
                    fix=_COMPARE,
                )
            entries.append(entry)
        if rest:
            raise LedgerError(f"{self.path}, line {len(lines) + 1} is cut off", fix=_HALF)
        return entries


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(content)).hexdigest()


def _entry(line: bytes) -> Entry | None:
    """The entry of a line, or None when the line is none."""
    try:
        content = json.loads(line.decode("ascii"))
        if type(content) is not dict or content.keys() != _TYPES.keys():
            return None
        if any(type(content[key]) is not kind for key, kind in _TYPES.items()):
            return None
        # The bytes, not only the values: another spelling of the same JSON is a change as well.
        if _canonical(content) != line:
            return None
        entry = Entry(**content)
        del content["hash"]
        return entry if _hash(content) == entry.hash else None
    except (ValueError, RecursionError):
        return None


def _check_facts(action: str, facts: Mapping[str, Any]) -> None:
    given = {"action": action, "facts": facts}
    try:
        # Tuples, keys that are numbers and the like would be read back as something else.
        same = json.loads(_canonical(given)) == given
    except (TypeError, ValueError, RecursionError) as error:
        raise LedgerError(
            f"the ledger cannot note '{action}': a fact is no JSON: {error}",
            fix="give finite numbers, text, lists and objects only",
        ) from error
    if not same:
        raise LedgerError(
            f"the ledger cannot note '{action}': a fact would be read back as something else",
            fix="give lists instead of tuples and only str as keys",
        )


def _read(file: int) -> bytes:
    blocks = []
    while block := os.read(file, 1 << 20):
        blocks.append(block)
    return b"".join(blocks)


def _write(file: int, line: bytes) -> None:
    while line:
        line = line[os.write(file, line) :]
    os.fsync(file)


def _sync_folder(folder: Path) -> None:
    """Make a new file's name last."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
