"""Who may ask: keys from the parameters, and from a file that may change while the API runs."""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

import structlog
from pydantic import SecretStr

from churn_mlops.errors import ParamsError

SHORTEST_KEY = 16
# How often the file is looked at, at most.
LOOK_SECONDS = 1.0
_MAKE = "make one with `openssl rand -hex 32`"

State = tuple[int, int, int]

log = structlog.get_logger()


class Keys:
    """The keys that open the door.

    Parameters
    ----------
    keys : sequence of SecretStr
        From the parameters; they hold as long as the process.
    file : str or None
        One key a line; ``#`` begins a comment. When the file changes, its new keys replace its old
        ones within a second; while it is gone, cannot be read or has no key, the old ones stay.

    Raises
    ------
    ParamsError
        A key cannot be used, or the file cannot be read or has no key.
    """

    def __init__(self, keys: Sequence[SecretStr], file: str | None) -> None:
        given = [key.get_secret_value() for key in keys]
        for place, key in enumerate(given):
            if mistake := _mistake(key):
                raise ParamsError(f"serving.api_keys.{place}: the key {mistake}", fix=_MAKE)
        self._fixed, self._file = _digests(given), file
        self._known = self._fixed
        self.required = bool(keys) or file is not None
        self._seen: State | None = None
        self._warned: tuple[State | None, str] | None = None
        self._next_look = 0.0
        if file is not None:
            self._read_first(file)

    def name_of(self, presented: bytes | None) -> str | None:
        """The name of the client that has this key, or None when nobody has it.

        Parameters
        ----------
        presented : bytes or None

        Returns
        -------
        str or None
            The first 8 hexadecimal digits of the key's SHA-256.
        """
        if self._file is not None and time.monotonic() >= self._next_look:
            self._look(self._file)
        if presented is None:
            return None
        digest = sha256(presented).digest()
        found = None
        # All of them are compared, each in constant time: how long it takes tells nothing.
        for known, name in self._known.items():
            if hmac.compare_digest(known, digest):
                found = name
        return found

    def _read_first(self, file: str) -> None:
        try:
            state, found, mistakes = _read(file)
        except (OSError, UnicodeDecodeError) as error:
            raise ParamsError(
                f"serving.api_keys_file: {file} cannot be read: {_reason(error)}",
                fix="write one key a line to it and let the API's user read it, or leave it out",
            ) from None
        if mistakes:
            raise ParamsError(f"serving.api_keys_file: {file}: {'; '.join(mistakes)}", fix=_MAKE)
        if not found:
            raise ParamsError(f"serving.api_keys_file: {file} has no key", fix=_MAKE)
        self._take(state, found)

    def _look(self, file: str) -> None:
        """Read the file again if it is not as it was."""
        self._next_look = time.monotonic() + LOOK_SECONDS
        state = None
        try:
            state = _state(os.stat(file))
            if state == self._seen:
                return
            state, found, mistakes = _read(file)
        except (OSError, UnicodeDecodeError) as error:
            # Not taken as seen: permissions may come back without any other change.
            self._seen = None
            self._warn(state, f"cannot be read: {_reason(error)}")
            return
        if not found:
            self._seen = state
            self._warn(state, "; ".join(["has no key to use", *mistakes]))
            return
        self._take(state, found)
        if mistakes:
            log.warning("API keys refused", file=file, reason="; ".join(mistakes))
        log.info("API keys read", file=file, keys=len(found))

    def _take(self, state: State, found: Sequence[str]) -> None:
        self._known = self._fixed | _digests(found)
        self._seen, self._warned = state, None
        self._next_look = time.monotonic() + LOOK_SECONDS

    def _warn(self, state: State | None, reason: str) -> None:
        if self._warned != (state, reason):
            self._warned = (state, reason)
            log.warning("the last API keys stay in use", file=self._file, reason=reason)


def presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The key that a request shows as ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``.

    Parameters
    ----------
    headers : iterable of (name, value)
        As in an ASGI scope: names are in lower case.
    """
    for name, value in headers:
        if name == b"x-api-key":
            return value
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip()
    return None


def _read(file: str) -> tuple[State, list[str], list[str]]:
    """Keys of a file, and what is wrong with those that cannot be used."""
    with Path(file).open(encoding="utf-8-sig") as stream:
        state = _state(os.fstat(stream.fileno()))
        lines = stream.read().splitlines()
    found, mistakes = [], []
    for number, line in enumerate(lines, 1):
        key, *rest = line.split(maxsplit=1) or [""]
        if not key or key.startswith("#"):
            continue
        mistake = _mistake(line.strip() if rest and not rest[0].startswith("#") else key)
        if mistake:
            mistakes.append(f"the key in line {number} {mistake}")
        else:
            found.append(key)
    return state, found, mistakes


def _mistake(key: str) -> str | None:
    if not (key.isascii() and key.isprintable()) or " " in key:
        return "may have no blanks and only the characters that every header can carry (ASCII)"
    if len(key) < SHORTEST_KEY:
        return f"has less than {SHORTEST_KEY} characters"
    return None


def _digests(keys: Iterable[str]) -> dict[bytes, str]:
    hashes = [sha256(key.encode()) for key in keys]
    return {made.digest(): made.hexdigest()[:8] for made in hashes}


def _state(found: os.stat_result) -> State:
    return found.st_mtime_ns, found.st_size, found.st_ino


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is no text"
