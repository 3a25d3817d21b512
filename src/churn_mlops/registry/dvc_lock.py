"""What dvc.lock says: who made which file, from what, and the hashes of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Stage:
    """One stage's entry.

    Parameters
    ----------
    deps, outs : mapping of str to str
        Path to DVC's MD5; a folder's ends in ``.dir``. What has none is left out.
    """

    deps: Mapping[str, str]
    outs: Mapping[str, str]


def read_lock(text: str) -> dict[str, Stage]:
    """Stages by name.

    Raises
    ------
    ValueError
        The text is no dvc.lock.
    """
    try:
        tree = yaml.load(text, Loader=_LOADER)  # noqa: S506 (a safe loader)
        stages = (tree or {}).get("stages") or {}
        return {
            str(name): Stage(_hashes(entry, "deps"), _hashes(entry, "outs"))
            for name, entry in stages.items()
        }
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"it is no dvc.lock: {error}") from error


def upstream(lock: Mapping[str, Stage], stage: str) -> list[str]:
    """The stages that a stage builds on, each after those that it builds on itself."""
    order: list[str] = []

    def visit(name: str) -> None:
        for path in lock[name].deps:
            maker = made_by(lock, path)
            if maker is not None and maker not in order and maker != name:
                visit(maker)
                order.append(maker)

    visit(stage)
    return list(dict.fromkeys(order))


def made_by(lock: Mapping[str, Stage], path: str) -> str | None:
    """The stage that made a file or the folder that holds it; None for what no stage makes."""
    for name, stage in lock.items():
        if any(path == out or path.startswith(f"{out}/") for out in stage.outs):
            return name
    return None


def hash_of(path: Path) -> str:
    """The MD5 that DVC knows a file or a folder by.

    Raises
    ------
    OSError
        It cannot be read.
    """
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, _md5).hexdigest()
    files = [p for p in path.rglob("*") if p.is_file()]
    entries = [{"md5": hash_of(p), "relpath": p.relative_to(path).as_posix()} for p in files]
    entries.sort(key=lambda entry: entry["relpath"])
    return f"{_md5(json.dumps(entries, sort_keys=True).encode()).hexdigest()}.dir"


def _md5(body: bytes = b"") -> Any:
    return hashlib.md5(body, usedforsecurity=False)


def _hashes(entry: Mapping[str, Any], kind: str) -> dict[str, str]:
    return {str(one["path"]): str(one["md5"]) for one in entry.get(kind) or () if "md5" in one}
