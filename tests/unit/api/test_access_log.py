from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from churn_mlops.api import access_log
from churn_mlops.api.access_log import AccessLog


def written(path: Path, lines: list[tuple[Any, ...]], wait: float = 0.0) -> list[dict[str, Any]]:
    """What the log writes into a file for some requests."""

    async def note() -> None:
        with path.open("wb") as file:
            log = AccessLog(file.fileno())
            for line in lines:
                log.add(*line)
            await asyncio.sleep(wait)
            await log.close()

    asyncio.run(note())
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_request_is_a_line_of_json(tmp_path: Path) -> None:
    given = [("id/1", "POST", "/users/{user_id}", 200, 0.0012345, "abc")]
    (line,) = written(tmp_path / "log", given)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "request",
        "request_id": "id/1",
        "method": "POST",
        "route": "/users/{user_id}",
        "status": 200,
        "seconds": 0.001234,
        "model_version": "abc",
    }


def test_lines_are_written_by_themselves_after_a_while(tmp_path: Path) -> None:
    given = [(str(number), "GET", "/live", 200, 0.1, "") for number in range(1000)]
    found = written(tmp_path / "log", given, wait=access_log.FLUSH_SECONDS * 2)
    assert [line["request_id"] for line in found] == [str(number) for number in range(1000)]


def test_a_log_that_nobody_reads_drops_lines_and_says_so(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(access_log, "MOST_LINES", 10)
    given = [(str(number), "GET", "/live", 200, 0.1, "") for number in range(25)]
    found = written(tmp_path / "log", given)
    assert len(found) == 11
    assert found[-1] == {"event": "request log too slow", "dropped": 15}


def test_a_reader_that_is_gone_is_no_failure() -> None:
    reader, writer = os.pipe()
    os.close(reader)

    async def note() -> None:
        log = AccessLog(writer)
        log.add("1", "GET", "/live", 200, 0.1, "")
        await log.close()
        assert log._lines == []

    asyncio.run(note())
    os.close(writer)
