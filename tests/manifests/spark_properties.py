"""The names of Spark's properties, as its own code has them."""

from __future__ import annotations

import struct
import zipfile
from functools import lru_cache
from pathlib import Path

import pyspark

JARS = Path(pyspark.__file__).parent / "jars"


@lru_cache
def _code(part: str) -> bytes:
    (jar,) = JARS.glob(f"spark-{part}_*.jar")
    with zipfile.ZipFile(jar) as archive:
        return b"".join(archive.read(n) for n in archive.namelist() if n.endswith(".class"))


def is_known(name: str) -> bool:
    """Whether Spark's core or its part for Kubernetes has a constant of exactly this text."""
    text = name.encode()
    # A constant of a class file: its kind, its length, its text.
    constant = b"\x01" + struct.pack(">H", len(text)) + text
    return any(constant in _code(part) for part in ("core", "kubernetes"))
