"""The async client against the application in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from churn_mlops.client import AsyncClient, LineProblem
from tests.serving import golden_request, running, workspace
from tests.trained import bundle


@asynccontextmanager
async def asking(folder: Path) -> AsyncIterator[AsyncClient]:
    """The async client, and the application in this process."""
    async with (
        running(workspace(folder)) as http,
        AsyncClient("http://churn", transport=http._transport) as client,
    ):
        yield client


def test_numpy_and_nan_are_sent_as_json_and_others_are_refused(tmp_path: Any) -> None:
    async def ask() -> None:
        async with asking(tmp_path) as client:
            body, risk = golden_request()
            given = {
                name: np.float64(value) if isinstance(value, float) else value
                for name, value in body["features"].items()
            }
            found = await client.predict(np.int64(3).item(), given)
            assert found.churn_risk == pytest.approx(risk, abs=1e-6)
            given["logins_7d"] = float("nan")
            assert (await client.predict(3, given)).imputed == ["logins_7d"]
            with pytest.raises(TypeError, match="object cannot be sent"):
                await client.predict(3, {"logins_7d": object()})

    asyncio.run(ask())


def test_a_stream_is_asked_in_parts_and_counts_its_lines(tmp_path: Any) -> None:
    body, _ = golden_request()
    taken = 0

    async def ask() -> list[Any]:
        async def rows() -> Any:
            nonlocal taken
            for number in range(25):
                taken += 1
                yield {**body, "user_id": number} if number != 13 else {**body, "user_id": 1.5}

        async with asking(tmp_path) as client:
            found: list[Any] = []
            async for answer in client.predict_stream(rows(), rows_per_request=10):
                if len(found) == 5:
                    assert taken == 10
                found.append(answer)
            return found

    found = asyncio.run(ask())
    assert len(found) == 25
    problem = found[13]
    assert isinstance(problem, LineProblem)
    assert problem.line == 14
    assert [answer.user_id for i, answer in enumerate(found) if i != 13] == [
        number for number in range(25) if number != 13
    ]
    assert {answer.model_version for i, answer in enumerate(found) if i != 13} == {
        bundle("candidate").version
    }
