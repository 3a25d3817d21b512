"""What a write asks of the disk, in its order: recorded, and still carried out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest


class Call(NamedTuple):
    """A call of `os.fsync` or `os.replace`.

    Parameters
    ----------
    name : {"fsync", "replace"}
    path : Path
        What was synced, or what took another place.
    to : Path or None
        The place that was taken.
    size : int
        Bytes that the file had then; 0 for a folder.
    """

    name: str
    path: Path
    to: Path | None = None
    size: int = 0


def record(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Record the calls of this process from now on, in a list that grows."""
    calls: list[Call] = []
    fsync, replace = os.fsync, os.replace

    def synced(file: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{file}"))
        calls.append(Call("fsync", path, size=path.stat().st_size if path.is_file() else 0))
        fsync(file)

    def replaced(source: str | Path, to: str | Path) -> None:
        path = Path(source)
        calls.append(Call("replace", path, Path(to), path.stat().st_size if path.is_file() else 0))
        replace(source, to)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    return calls
