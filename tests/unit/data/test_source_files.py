"""Tables from files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_mlops.data import source_files
from churn_mlops.data.source_files import opened
from churn_mlops.errors import SourceError


def rows_of(con: Any, pattern: str) -> list[dict[str, Any]]:
    with opened(con, pattern, "data.files.events") as tables:
        return [row for _, table in tables for row in con.to_pyarrow(table).to_pylist()]


def test_a_glob_is_read_in_the_order_of_names(workspace: Path, con: Any) -> None:
    for name in ("b", "a", "c"):
        (workspace / f"{name}.csv").write_text(f"x\n{name}\n")
    assert rows_of(con, "*.csv") == [{"x": "a"}, {"x": "b"}, {"x": "c"}]


@pytest.mark.parametrize(
    "content",
    [b"x\nd\xc3\xa9\n", b"\xef\xbb\xbfx\r\nd\xc3\xa9\r\n", gzip.compress(b"x\nd\xc3\xa9\n")],
    ids=["plain", "mark", "gzip"],
)
def test_the_same_text_in_other_clothes(workspace: Path, con: Any, content: bytes) -> None:
    name = "x.csv.gz" if content.startswith(b"\x1f\x8b") else "x.csv"
    (workspace / name).write_bytes(content)
    assert rows_of(con, name) == [{"x": "d\u00e9"}]


def test_broken_bytes_are_marked_in_their_row_only(workspace: Path, con: Any) -> None:
    (workspace / "x.csv").write_bytes(b"x\ncaf\xe9\nd\xc3\xa9\n")
    assert rows_of(con, "x.csv") == [{"x": "caf\ufffd"}, {"x": "d\u00e9"}]


@pytest.mark.parametrize(
    "content",
    [
        b'x,y\r\na,1\r\n"b\r\nc",2\n',
        b'x,y\na,1\n"b\nc",2\r\n',
        b'x,y\ra,1\r"b\rc",2\r',
        b'x,y\r\na,1\r\n"b\nc",2\r\n',
    ],
    ids=["a newline at the end", "a pair at the end", "returns", "a newline in quotes"],
)
# A pair may lie across two chunks.
@pytest.mark.parametrize("chunk", [1, 4, 5, 9, 1 << 22])
def test_lines_may_end_in_several_ways(
    workspace: Path, con: Any, content: bytes, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_files, "CHUNK", chunk)
    (workspace / "x.csv").write_bytes(content)
    assert rows_of(con, "x.csv") == [{"x": "a", "y": "1"}, {"x": "b\nc", "y": "2"}]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("chunk", [1, 3, 1 << 22])
def test_a_file_whose_lines_end_alike_is_not_copied(
    workspace: Path, end: bytes, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_files, "CHUNK", chunk)
    path = workspace / "x.csv"
    path.write_bytes(end.join([b"x,y", b"a,1", b"b,2", b""]))
    assert source_files._plain(path, workspace / "copy.csv") == path
    path.write_bytes(path.read_bytes() + b"c,3" + (b"\n" if end == b"\r\n" else b"\r\n"))
    copy = source_files._plain(path, workspace / "copy.csv")
    assert copy.read_bytes() == b"x,y\na,1\nb,2\nc,3\n"


def test_parquet_keeps_its_types(workspace: Path, con: Any) -> None:
    pq.write_table(pa.table({"n": pa.array([1], pa.int32())}), "x.parquet")
    assert rows_of(con, "x.parquet") == [{"n": 1}]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("nowhere/*.csv", "no file matches"),
        (".", "is a directory"),
        ("nothing://bucket/x.csv", "(?s)cannot be opened.*fix: a path, or s3://BUCKET/NAME"),
    ],
)
def test_nothing_to_read(workspace: Path, con: Any, pattern: str, words: str) -> None:
    with (
        pytest.raises(SourceError, match=words) as caught,
        opened(con, pattern, "data.files.users"),
    ):
        raise AssertionError("opened")
    assert "data.files.u" in str(caught.value)


@pytest.mark.slow
def test_an_object_store_that_cannot_be_reached_is_one_error(
    workspace: Path, con: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(SourceError, match="s3://bucket"), opened(con, "s3://bucket/*.csv", "key"):
        raise AssertionError("opened")


def test_other_stores_are_read_through_the_same_door(workspace: Path, con: Any) -> None:
    (workspace / "x.csv").write_text("x\n1\n")
    assert rows_of(con, f"file://{workspace}/*.csv") == [{"x": "1"}]
