"""API keys: who may ask, without the server keeping or telling a key."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import structlog
from pydantic import SecretStr

from churn_mlops.errors import ParamsError

SHORTEST_KEY = 16
# How often the file is looked at, at most.
LOOK_SECONDS = 1.0
NAME_DIGITS = 8

log = structlog.get_logger()


class Keys:
    """The keys that let a request in.

    Parameters
    ----------
    keys : sequence of SecretStr
    file : str or None
        One key a line; empty lines and those that begin with # do not count. It is read again
        when it changes; one that is gone or has no usable key changes nothing.

    Raises
    ------
    ParamsError
        The file cannot be read or has no key, or a key is shorter than 16 characters.
    """

    def __init__(self, keys: Sequence[SecretStr], file: str | None) -> None:
        self.required = bool(keys) or file is not None
        given = [key.get_secret_value() for key in keys]
        _require_long(given, "serving.api_keys")
        self._fixed = [_digest(key.encode()) for key in given]
        self._path = Path(file) if file is not None else None
        self._digests = self._fixed
        self._state: tuple[int, ...] | None = None
        self._looked = time.monotonic()
        if self._path is not None:
            try:
                self._state = _state(self._path)
                listed = _listed(self._path)
            except (OSError, UnicodeDecodeError) as error:
                raise ParamsError(
                    f"serving.api_keys_file: {self._path} cannot be read: {error}",
                    fix="write one key a line into it",
                ) from error
            if not listed:
                raise ParamsError(
                    f"serving.api_keys_file: {self._path} has no key",
                    fix="write one key a line into it",
                )
            _require_long(listed, str(self._path))
            self._take(listed)

    def name_of(self, key: bytes | None) -> str | None:
        """A name for whoever presents a key, or None if nobody may.

        It is the beginning of the key's digest, so that limits and logs can tell clients apart.
        """
        self._look()
        if key is None:
            return None
        digest = _digest(key)
        known = False
        # All are compared, in constant time: how long it takes tells nothing about any of them.
        for each in self._digests:
            known |= hmac.compare_digest(each, digest)
        return digest.hex()[:NAME_DIGITS] if known else None

    def _look(self) -> None:
        now = time.monotonic()
        if self._path is None or now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        try:
            state = _state(self._path)
            if state == self._state:
                return
            self._state = state
            listed = _listed(self._path)
        except (OSError, UnicodeDecodeError) as error:
            if self._state is not None:
                log.warning("the API keys cannot be read; the last ones hold", reason=str(error))
            self._state = None
            return
        usable = [key for key in listed if len(key) >= SHORTEST_KEY]
        if len(usable) < len(listed):
            log.warning("API keys are too short and do not count", keys=len(listed) - len(usable))
        if not usable:
            log.warning("the file of API keys has none; the last ones hold")
            return
        self._take(usable)
        log.info("API keys were read again", keys=len(usable))

    def _take(self, listed: Iterable[str]) -> None:
        self._digests = self._fixed + [_digest(key.encode()) for key in listed]


def presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The key of a request: ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``."""
    for name, value in headers:
        if name == b"x-api-key":
            return value.strip()
        if name == b"authorization":
            scheme, _, key = value.partition(b" ")
            if scheme.lower() == b"bearer":
                return key.strip()
    return None


def _listed(path: Path) -> list[str]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _state(path: Path) -> tuple[int, ...]:
    facts = os.stat(path)
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _require_long(keys: Iterable[str], where: str) -> None:
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise ParamsError(
            f"{where}: a key has fewer than {SHORTEST_KEY} characters",
            fix="make keys such as `openssl rand -hex 32` does",
        )
