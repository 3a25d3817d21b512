"""Every call of both clients against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from churn_mlops.client import ApiError, ApiUnavailableError, AsyncClient, Client, LineProblem
from tests.served import Server, served
from tests.serving import golden_request, whole_rows, workspace
from tests.trained import bundle

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(workspace(tmp_path_factory.mktemp("served"))) as running:
        yield running


def many(count: int) -> Iterator[dict[str, Any]]:
    rows = list(whole_rows())
    for number in range(count):
        yield {"user_id": number, "features": rows[number % len(rows)][0]}


def test_the_plain_client(server: Server) -> None:
    version = bundle("candidate").version
    body, risk = golden_request()
    with Client(server.address) as client:
        assert client.live()
        assert client.ready().model_version == version
        assert client.model().model_version == version
        found = client.predict(17, body["features"], snapshot_date="2025-04-30", explain=True)
        assert found.churn_risk == pytest.approx(risk, abs=1e-6)
        assert found.reasons is not None
        assert str(found.snapshot_date) == "2025-04-30"
        batch = client.predict_batch(many(40))
        assert [one.user_id for one in batch.predictions] == list(range(40))
        table = pa.Table.from_pylist([{"user_id": 1, **row} for row, _ in whole_rows()])
        scored = client.predict_arrow(table)
        assert scored.schema.metadata[b"model_version"].decode() == version
        expected = [each for _, each in whole_rows()]
        assert scored["churn_risk"].to_pylist() == pytest.approx(expected, abs=1e-6)
        with pytest.raises(ApiError, match=r"features.logins_8d: .*logins_7d"):
            client.predict(17, {"logins_8d": 1})
        with pytest.raises(ApiUnavailableError, match="batch"):
            Client(server.address, retries=0).user(17)


def test_a_long_stream_with_a_bad_line(server: Server) -> None:
    rows = list(whole_rows())

    def given() -> Iterator[dict[str, Any]]:
        for row in many(2000):
            yield {**row, "features": {"nonsense": 1}} if row["user_id"] == 1234 else row

    with Client(server.address) as client:
        found = list(client.predict_stream(given()))
    assert len(found) == 2000
    for number, answer in enumerate(found):
        if number == 1234:
            assert isinstance(answer, LineProblem)
            assert (answer.line, answer.problem.status) == (1235, 422)
        else:
            assert not isinstance(answer, LineProblem)
            assert answer.user_id == number
            assert answer.churn_risk == pytest.approx(rows[number % len(rows)][1], abs=1e-6)


def test_the_async_client(server: Server) -> None:
    body, risk = golden_request()

    async def ask() -> None:
        async with AsyncClient(server.address) as client:
            assert await client.live()
            assert (await client.ready()).ready
            assert (await client.model()).features
            answers = await asyncio.gather(
                *(client.predict(number, body["features"]) for number in range(50))
            )
            assert [answer.user_id for answer in answers] == list(range(50))
            assert [answer.churn_risk for answer in answers] == [pytest.approx(risk, abs=1e-6)] * 50
            assert len((await client.predict_batch(many(7))).predictions) == 7
            lines = [line async for line in client.predict_stream(many(1100))]
            assert len(lines) == 1100
            table = pa.Table.from_pylist([{"user_id": 1, **row} for row, _ in whole_rows()])
            assert (await client.predict_arrow(table)).num_rows == table.num_rows

    asyncio.run(ask())


def test_a_server_that_is_gone_is_told(tmp_path: Path) -> None:
    with served(workspace(tmp_path)) as running, Client(running.address, retries=1) as client:
        assert client.live()
        assert running.end() == 0
        with pytest.raises(ApiUnavailableError, match="does not answer GET /live"):
            client.live()
