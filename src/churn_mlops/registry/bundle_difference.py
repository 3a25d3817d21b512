"""In what two bundles differ."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from churn_mlops.registry.bundle import FILES, SUMS

_TOLD = 5


def differences(first: Path, second: Path) -> dict[str, str]:
    """Compare two bundles file by file.

    Parameters
    ----------
    first, second : Path
        Their folders.

    Returns
    -------
    dict of str to str
        File name to what is different in it; empty for equal bundles.
    """
    found = {}
    for name in FILES:
        if name == SUMS:
            continue
        one, other = (first / name).read_bytes(), (second / name).read_bytes()
        if one != other:
            known = name == "bundle.json"
            found[name] = (
                _in_json(json.loads(one), json.loads(other)) if known else _sizes(one, other)
            )
    return found


def _in_json(one: dict[str, Any], other: dict[str, Any]) -> str:
    """The entries that differ; values that are short are shown."""
    words = []
    for name in sorted(one.keys() | other.keys()):
        left, right = one.get(name), other.get(name)
        if left == right:
            continue
        if isinstance(left, dict) and isinstance(right, dict):
            keys = [k for k in sorted(left.keys() | right.keys()) if left.get(k) != right.get(k)]
            told = [_pair(f"{name}.{key}", left.get(key), right.get(key)) for key in keys[:_TOLD]]
            more = [f"{len(keys) - _TOLD} more of {name}"] if len(keys) > _TOLD else []
            words += told + more
        else:
            words.append(_pair(name, left, right))
    return ", ".join(words) or "the same content, written differently"


def _pair(name: str, one: object, other: object) -> str:
    texts = [json.dumps(value) for value in (one, other)]
    return name if any(len(text) > 40 for text in texts) else f"{name} {texts[0]} -> {texts[1]}"


def _sizes(one: bytes, other: bytes) -> str:
    first, second = (hashlib.sha256(body).hexdigest()[:12] for body in (one, other))
    return f"{first} ({len(one):,} bytes) -> {second} ({len(other):,} bytes)"
