"""The model bundle: what is trained is what is served.

    model.onnx                  numeric matrix in, probability of churn out
    bundle.json                 features, encoding, label, window, metrics, versions, data hashes
    reference_profile.parquet   rows of the test days: the drift reference
    golden_rows.json            inputs with the outputs that they must give
    model_card.md               the same for people
    SHA256SUMS                  digests of the others; `sha256sum -c` understands it

This module is the only code that writes or reads one. Reading runs nothing from a bundle but
ONNX's standard operators: every byte is read once, compared with its digest, and only then
parsed. The digests tell damage and mix-ups; who may replace a whole bundle is the business of
whoever guards the directory or the registry.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from churn_mlops.errors import BundleError
from churn_mlops.registry.encoding import Columns, Row
from churn_mlops.registry.meta import Meta
from churn_mlops.registry.onnx_check import check_model

MEGABYTE = 1 << 20
SUMS = "SHA256SUMS"
# Every file of a bundle and the most bytes that it may have.
FILES = {
    "model.onnx": 256 * MEGABYTE,
    "bundle.json": 16 * MEGABYTE,
    "reference_profile.parquet": 64 * MEGABYTE,
    "golden_rows.json": 16 * MEGABYTE,
    "model_card.md": MEGABYTE,
    SUMS: MEGABYTE,
}
GOLDEN_TOLERANCE = 1e-6
MINIMUM_GOLDEN_ROWS = 20
INPUT, OUTPUT = "matrix", "churn_risk"
_TRAIN_AGAIN = "train the model again (`dvc repro train_baseline`) or fetch an intact bundle"


@dataclass(frozen=True)
class Bundle:
    """A verified model, ready to score; equal to another with the same digest.

    Parameters
    ----------
    meta : Meta
        The content of ``bundle.json``.
    profile : bytes
        The drift reference; `churn_mlops.registry.profile.read_profile` opens it.
    golden : tuple of (dict, float)
        Raw rows and the risks that they must be given.
    card : str
        The model card, Markdown.
    digest : str
        SHA-256 of ``SHA256SUMS``, hexadecimal; names the model exactly.
    """

    meta: Meta = field(compare=False)
    profile: bytes = field(compare=False)
    golden: tuple[tuple[dict[str, object], float], ...] = field(compare=False)
    card: str = field(compare=False)
    digest: str
    _session: Any = field(compare=False)
    _files: _Verified = field(compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travels as its files: whoever gets it opens and checks the model, once a process."""
        return _opened, (self._files,)

    @property
    def version(self) -> str:
        """First 12 digits of the digest, as written beside predictions."""
        return self.digest[:12]

    def encode(self, columns: Columns) -> np.ndarray:
        """Turn raw feature columns into the matrix, float32 of shape (n, width)."""
        return self.meta.encoding.encode(columns)

    def encode_rows(self, rows: Sequence[Row]) -> np.ndarray:
        """Turn raw rows into the matrix, float32 of shape (n, width)."""
        return self.meta.encoding.encode_rows(rows)

    def score(self, matrix: np.ndarray) -> np.ndarray:
        """Predict the probability of churn, float64 of shape (n,), for a matrix (n, width)."""
        return score(self._session, matrix)


def open_model(model: bytes, width: int, threads: int = 1) -> Any:
    """Start ONNX Runtime on a checked model.

    Parameters
    ----------
    model : bytes
    width : int
        Matrix columns that it must take.
    threads : int

    Raises
    ------
    BundleError
        The model has what a bundle may not have, or takes and gives something else.
    """
    # It would tell its maker of each use otherwise, and write what it could not send to the disk.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime as ort

    check_model(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no narrower class
        raise BundleError(f"ONNX Runtime refuses model.onnx: {error}", fix=_TRAIN_AGAIN) from error
    takes = [(i.name, i.type, i.shape[-1]) for i in session.get_inputs()]
    gives = [o.name for o in session.get_outputs()]
    if takes != [(INPUT, "tensor(float)", width)] or gives != [OUTPUT]:
        raise BundleError(
            f"model.onnx takes {takes} and gives {gives}; bundle.json describes a float matrix of"
            f" {width} columns named '{INPUT}' and an output '{OUTPUT}'",
            fix=_TRAIN_AGAIN,
        )
    return session


def score(session: Any, matrix: np.ndarray) -> np.ndarray:
    """Run an opened model on a matrix (n, width); probabilities, float64 of shape (n,)."""
    return np.asarray(session.run((OUTPUT,), {INPUT: matrix})[0], dtype=np.float64)


def write_bundle(
    folder: Path,
    *,
    model: bytes,
    meta: Meta,
    profile: bytes,
    golden: Sequence[Mapping[str, Any]],
    card: str,
) -> str:
    """Write a bundle beside its place, read it back as a check, then put it in place.

    A bundle that was there is replaced as a whole: for the instant between two renames the place
    is empty, but never holds a mixture.

    Parameters
    ----------
    folder : Path
    model : bytes
        Serialised ONNX.
    meta : Meta
    profile : bytes
        From `churn_mlops.registry.profile.pack_profile`.
    golden : sequence of mapping
        Each with ``row`` (feature values by name) and ``churn_risk``.
    card : str
        Markdown that tells people what the model is and is not for.

    Returns
    -------
    str
        The bundle's digest.
    """
    contents = {
        "model.onnx": model,
        "bundle.json": _json(meta.model_dump(mode="json")),
        "reference_profile.parquet": profile,
        "golden_rows.json": _json(list(golden)),
        "model_card.md": card.encode(),
    }
    lines = [f"{hashlib.sha256(body).hexdigest()}  {name}\n" for name, body in contents.items()]
    contents[SUMS] = "".join(sorted(lines, key=lambda line: line[66:])).encode()
    return _place(contents, folder)


def copy_bundle(source: Path, folder: Path) -> str:
    """Copy a bundle to another place, verified, as a whole.

    Returns
    -------
    str
        The bundle's digest.

    Raises
    ------
    BundleError
        The source is not sound; what was at `folder` stays.
    """
    return _place(_read(source), folder)


def _place(contents: Mapping[str, bytes], folder: Path) -> str:
    beside = folder.with_name(f".{folder.name}.writing")
    old = folder.with_name(f".{folder.name}.old")
    _remove(beside)
    beside.mkdir(parents=True)
    try:
        for name, body in contents.items():
            (beside / name).write_bytes(body)
        digest = load_bundle(beside).digest
        _remove(old)
        with contextlib.suppress(FileNotFoundError):
            os.rename(folder, old)
        os.rename(beside, folder)
    finally:
        _remove(beside)
        _remove(old)
    return digest


def load_bundle(folder: Path, threads: int = 1) -> Bundle:
    """Read, verify and open a bundle.

    Parameters
    ----------
    folder : Path
    threads : int
        Threads of ONNX Runtime.

    Raises
    ------
    BundleError
        A file is missing, too many, a link, too large or not what its digest says; the
        description is not valid; the model has what it may not have; or the golden rows do not
        give what they must.
    """
    contents = _read(folder)
    digest = _verify(contents, folder)
    return _opened(_Verified(digest, threads, folder, contents))


@dataclass(frozen=True)
class _Verified:
    """A bundle's files; equal to others with the same digest, whichever folder they lie in."""

    digest: str
    threads: int
    folder: Path = field(compare=False)
    contents: Mapping[str, bytes] = field(compare=False)


# A day's steps open the same champion one after the other.
@lru_cache(maxsize=1)
def _opened(files: _Verified) -> Bundle:
    contents, folder = files.contents, files.folder
    try:
        meta = Meta.model_validate_json(contents["bundle.json"])
        golden = json.loads(contents["golden_rows.json"])
    except (ValidationError, ValueError, RecursionError) as error:
        raise BundleError(
            f"{folder} is not described validly: {error}", fix=_TRAIN_AGAIN
        ) from error
    width = meta.encoding.width
    try:
        meta.model.require_width(width)
    except ValueError as error:
        raise BundleError(f"{folder}: {error}", fix=_TRAIN_AGAIN) from error
    if set(meta.encoding.names) != set(meta.feature_names):
        raise BundleError(
            f"{folder}: encoding and feature list name different features", fix=_TRAIN_AGAIN
        )
    bundle = Bundle(
        meta,
        contents["reference_profile.parquet"],
        _golden(golden, meta.feature_names, folder),
        contents["model_card.md"].decode("utf-8", "replace"),
        files.digest,
        open_model(contents["model.onnx"], width, files.threads),
        files,
    )
    _check_golden(bundle, folder)
    return bundle


def _read(folder: Path) -> dict[str, bytes]:
    try:
        present = {entry.name for entry in os.scandir(folder)}
    except OSError as error:
        raise BundleError(
            f"there is no model bundle at {folder}: {error.strerror}",
            fix="train one first: `dvc repro train_baseline`",
        ) from error
    if present != set(FILES):
        missing, extra = sorted(set(FILES) - present), sorted(present - set(FILES))
        words = [f"lacks {', '.join(missing)}"] if missing else []
        words += [f"has also {', '.join(map(repr, extra))}"] if extra else []
        raise BundleError(f"{folder} {' and '.join(words)}", fix=_TRAIN_AGAIN)
    return {name: _read_file(folder / name, limit) for name, limit in FILES.items()}


def _read_file(path: Path, limit: int) -> bytes:
    # Without blocking: opening a named pipe would wait for its writer.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise BundleError(f"{path} is no regular file")
            body = file.read(limit + 1)
    except OSError as error:
        raise BundleError(
            f"{path} cannot be read or is a link, which a bundle may not hold: {error.strerror}",
            fix="copy the files themselves (for DVC: `dvc config cache.type copy`)",
        ) from error
    if len(body) > limit:
        raise BundleError(f"{path} is larger than {limit // MEGABYTE} MB", fix=_TRAIN_AGAIN)
    return body


def _verify(contents: Mapping[str, bytes], folder: Path) -> str:
    said = {}
    for line in contents[SUMS].decode("ascii", "replace").splitlines():
        digest, _, name = line.partition("  ")
        said[name] = digest
    if set(said) != set(FILES) - {SUMS}:
        raise BundleError(
            f"{folder / SUMS} lists {', '.join(map(repr, sorted(said)))}, not the bundle's files",
            fix=_TRAIN_AGAIN,
        )
    for name, digest in said.items():
        if hashlib.sha256(contents[name]).hexdigest() != digest:
            raise BundleError(
                f"{folder / name} is not the file that {SUMS} describes", fix=_TRAIN_AGAIN
            )
    return hashlib.sha256(contents[SUMS]).hexdigest()


def _golden(
    entries: Any, names: tuple[str, ...], folder: Path
) -> tuple[tuple[dict[str, object], float], ...]:
    try:
        rows = [(_scalars(entry["row"]), float(entry["churn_risk"])) for entry in entries]
        complete = all(name in row for row, _ in rows for name in names)
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError) as error:
        raise BundleError(f"{folder / 'golden_rows.json'} is no list of rows: {error}") from error
    if len(rows) < MINIMUM_GOLDEN_ROWS or not complete:
        raise BundleError(
            f"{folder / 'golden_rows.json'} has {len(rows)} rows instead of at least"
            f" {MINIMUM_GOLDEN_ROWS} with all features"
        )
    return tuple(rows)


def _check_golden(bundle: Bundle, folder: Path) -> None:
    rows = [row for row, _ in bundle.golden]
    expected = np.array([risk for _, risk in bundle.golden])
    names = bundle.meta.feature_names
    columns = {name: np.array([row[name] for row in rows], dtype=object) for name in names}
    together = bundle.score(bundle.encode(columns))
    alone = np.concatenate([bundle.score(bundle.encode_rows([row])) for row in rows])
    for risks in (together, alone):
        gap = np.max(np.abs(risks - expected))
        if not gap <= GOLDEN_TOLERANCE:
            raise BundleError(
                f"{folder}: the golden rows give risks up to {gap:.2g} away from what they must",
                fix="the model was made for another encoding or runtime; train it again",
            )


def _scalars(row: Mapping[str, object]) -> dict[str, object]:
    if any(isinstance(value, list | dict) for value in row.values()):
        raise TypeError("a value is a list or an object")
    return dict(row)


def _json(body: Any) -> bytes:
    text = json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _remove(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)
