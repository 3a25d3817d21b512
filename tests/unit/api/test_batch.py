from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from churn_mlops.api.batch import STREAM_ROWS, _lines
from churn_mlops.api.problems import ProblemError
from tests.serving import ask, golden_request, whole_rows, workspace
from tests.trained import bundle

NDJSON = {"content-type": "application/x-ndjson"}


def rows(count: int) -> list[dict[str, Any]]:
    golden = list(whole_rows())
    return [{"user_id": n, "features": golden[n % len(golden)][0]} for n in range(count)]


def test_a_batch_is_answered_in_its_order_as_one_by_one(tmp_path: Path) -> None:
    async def questions(client: httpx.AsyncClient) -> tuple[Any, list[Any]]:
        together = await client.post("/predict/batch", json={"rows": rows(20)})
        alone = [(await client.post("/predict", json=row)).json() for row in rows(20)]
        return together.json(), alone

    together, alone = ask(workspace(tmp_path), questions)
    assert together["predictions"] == alone
    assert together["model_version"] == bundle("candidate").version
    assert [each["churn_risk"] for each in alone] == pytest.approx(
        [risk for _, risk in list(whole_rows())[:20]], abs=1e-6
    )


def test_strict_names_the_row(tmp_path: Path) -> None:
    given = rows(3)
    del given[1]["features"]["logins_7d"]
    answer = ask(
        workspace(tmp_path),
        lambda client: client.post("/predict/batch?strict=true", json={"rows": given}),
    )
    assert answer.status_code == 422
    assert [e["where"] for e in answer.json()["errors"]] == ["rows.1.features.logins_7d"]


def test_a_stream_is_answered_line_by_line(tmp_path: Path) -> None:
    given = rows(STREAM_ROWS + 10)
    body = b"".join(json.dumps(row).encode() + b"\n" for row in given)
    answer = ask(
        workspace(tmp_path),
        lambda client: client.post("/predict/batch", content=body, headers=NDJSON),
    )
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["user_id"] for line in found] == [row["user_id"] for row in given]


def test_a_stream_may_be_strict(tmp_path: Path) -> None:
    body, _ = golden_request()
    del body["features"]["logins_7d"]
    lines = ask(
        workspace(tmp_path),
        lambda client: client.post("/predict/batch?strict=true", json=body, headers=NDJSON),
    ).text.splitlines()
    assert json.loads(lines[0])["problem"]["type"].endswith("missing-feature")
    assert len(lines) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_lines_are_the_same_however_they_arrive(size: int) -> None:
    text = b"a\nbb\n\nccc\n" + b"x" * 20 + b"\ndd"
    parts = [text[at : at + size] for at in range(0, len(text), size)]

    async def arriving() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    async def collect() -> list[Any]:
        return [line async for group in _lines(arriving(), 10) for line in group]

    found = asyncio.run(collect())
    told = ["too long" if isinstance(line, ProblemError) else line for line in found]
    assert told == [b"a", b"bb", b"", b"ccc", "too long", b"dd"]
