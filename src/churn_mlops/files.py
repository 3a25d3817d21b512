"""Writes small files so that a reader sees the old or the new one, whole."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8; see `write_bytes`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, body: bytes) -> None:
    """Write beside, then rename; the folder is made when it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.writing")
    try:
        beside.write_bytes(body)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: Path, body: Any) -> None:
    """Write JSON for people and programs: indented, one newline at the end, finite numbers only."""
    write_text(path, json.dumps(body, indent=2, allow_nan=False) + "\n")
