"""Reads tables from files: CSV or Parquet, one path or a glob, local or in an object store."""

from __future__ import annotations

import codecs
import contextlib
import glob
import gzip
import io
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import ibis.expr.types as ir

from churn_mlops.data.raw_tables import csv_header, open_csv, readable
from churn_mlops.engine import Engine
from churn_mlops.errors import ContractError, SourceError
from churn_mlops.object_store import UnreachableError, open_store

CHUNK = 1 << 22
PARQUET = (".parquet", ".pq")
CSV = (".csv", ".csv.gz", ".txt", ".txt.gz", ".tsv")


@contextlib.contextmanager
def opened(
    con: Engine, pattern: str, key: str, only: Container[str] | None = None
) -> Iterator[list[tuple[str, ir.Table]]]:
    """Open all files of a pattern, in the order of their names.

    Parameters
    ----------
    con : Engine
    pattern : str
        A path or glob, local or ``s3://``.
    key : str
        The parameter that holds it, for messages.
    only : container of str, optional
        Of the local files, open those whose names are in it.

    Yields
    ------
    list of (str, ibis Table)
        Each file's name and its columns: text from CSV, typed from Parquet.

    Raises
    ------
    SourceError
        Nothing matches, or a file cannot be fetched or decompressed.
    ContractError
        A file is no CSV or Parquet (CHN101), names a column twice (CHN102) or is empty (CHN104).
    """
    with tempfile.TemporaryDirectory(prefix="churn-source-") as folder:
        scratch = Path(folder)
        files = _fetched(pattern, key, scratch) if "://" in pattern else _local(pattern, key)
        if only is not None and "://" not in pattern:
            files = [path for path in files if str(path) in only]
        yield [(str(path), _open(con, path, scratch / f"{n}.csv")) for n, path in enumerate(files)]


def states(pattern: str, key: str) -> dict[str, list[int]]:
    """Size in bytes and time of the last change (ns since 1970) of each local file, by name.

    None are told of a store, whose objects are fetched each time.
    """
    if "://" in pattern:
        return {}
    stats = {str(path): path.stat() for path in _local(pattern, key)}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def _local(pattern: str, key: str) -> list[Path]:
    found = [Path(p) for p in sorted(glob.glob(pattern, recursive=True))]
    if not found:
        raise SourceError(
            f"{key}: no file matches {pattern} (in {Path.cwd()})", fix="check the path"
        )
    for path in found:
        if not path.is_file():
            raise SourceError(f"{key}: {path} is a directory", fix=f"name its files: {path}/*.csv")
    return found


def _fetched(pattern: str, key: str, scratch: Path) -> list[Path]:
    try:
        filesystem, _ = open_store(pattern)
    except UnreachableError as error:
        raise SourceError(
            f"{key}: {pattern} cannot be opened: {error.message}", fix=error.fix
        ) from error
    try:
        names = sorted(filesystem.glob(pattern))
        paths = [scratch / f"{n:05d}-{Path(name).name}" for n, name in enumerate(names)]
        for name, path in zip(names, paths, strict=True):
            filesystem.get_file(name, str(path))
    except Exception as error:  # every store has errors of its own
        raise SourceError(
            f"{key}: {pattern} cannot be read: {error}",
            fix="check the bucket, the credentials and AWS_ENDPOINT_URL",
        ) from error
    if not paths:
        raise SourceError(f"{key}: no object matches {pattern}", fix="check the path")
    return paths


def _open(con: Engine, path: Path, scratch: Path) -> ir.Table:
    name = path.name.lower()
    if name.endswith(PARQUET):
        with readable(path):
            return con.read_parquet(str(path))
    if not name.endswith(CSV):
        raise SourceError(
            f"{path}: only {', '.join((*CSV, *PARQUET))} are read", fix="rename or convert the file"
        )
    plain = _plain(path, scratch)
    if not csv_header(plain, path):
        raise ContractError(f"{path} is empty", check="CHN104", fix="check the export")
    with readable(path):
        return open_csv(con, plain, path)


def _plain(path: Path, scratch: Path) -> Path:
    """The file itself, or a copy without compression, byte order mark and broken bytes.

    Bytes that are no UTF-8 become U+FFFD, so that the gate finds the rows they are in. Every line
    of a copy ends with a newline alone, also within quotes: the engine reads no mixed line ends.
    """
    packed = path.name.lower().endswith(".gz")
    if not packed and _is_clean(path):
        return path
    try:
        with _bytes(path, packed) as source, scratch.open("w", encoding="utf-8", newline="") as out:
            text = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
            decoder = io.IncrementalNewlineDecoder(text, translate=True)
            while chunk := source.read(CHUNK):
                out.write(decoder.decode(chunk))
            out.write(decoder.decode(b"", final=True))
    except (EOFError, gzip.BadGzipFile, OSError) as error:
        raise SourceError(
            f"{path} cannot be decompressed: {error}", fix="transfer or export the file again"
        ) from error
    return scratch


def _bytes(path: Path, packed: bool) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


def _is_clean(path: Path) -> bool:
    """Whether a file is UTF-8 without a mark and its lines all end in a newline, or all in CRLF."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="strict")
    returns = newlines = pairs = 0
    before = b""
    with path.open("rb") as file:
        chunk = file.read(CHUNK)
        if chunk.startswith(codecs.BOM_UTF8):
            return False
        try:
            while chunk:
                decoder.decode(chunk)
                returns += chunk.count(b"\r")
                newlines += chunk.count(b"\n")
                pairs += chunk.count(b"\r\n") + (before == b"\r" and chunk.startswith(b"\n"))
                before = chunk[-1:]
                chunk = file.read(CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return returns == pairs and pairs in (0, newlines)
