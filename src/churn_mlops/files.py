"""Small files: written so that a reader sees the old or the new one, whole; read or explained."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from churn_mlops.errors import ContractError

Read = TypeVar("Read")


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8; see `write_bytes`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, body: bytes) -> None:
    """Write a file; see `replacing`."""
    with replacing(path) as beside:
        beside.write_bytes(body)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write beside a path, of this process alone, which takes its place when all is well.

    The folder is made when it is not there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.writing")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: Path, body: Any) -> None:
    """Write JSON for people and programs: indented, one newline at the end, finite numbers only."""
    write_text(path, json.dumps(body, indent=2, allow_nan=False) + "\n")


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path, parse: Callable[[Any], Read], fix: str) -> Read | None:
    """Read what JSON says; None when there is no such file.

    Parameters
    ----------
    path : Path
    parse : callable
        Makes something of what JSON holds; what it stumbles over is told as damage.
    fix : str
        What to do about a damaged file.

    Raises
    ------
    ContractError
        The file is damaged or cannot be read.
    """
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ContractError(f"{path} cannot be read: {error}", fix="see to its rights") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ContractError(f"{path} is damaged: {error!r}", fix=fix) from error
