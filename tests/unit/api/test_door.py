from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from churn_mlops.api.access_log import AccessLog
from churn_mlops.api.door import ClientGoneError, Door
from churn_mlops.api.keys import Keys
from churn_mlops.api.leaving import Leaving
from churn_mlops.api.metrics import Metrics
from churn_mlops.api.predict import respond
from churn_mlops.api.problems import ProblemError
from churn_mlops.api.rate_limit import RateLimit

KEY = "k" * 20


class House:
    """A door before an application, and what it has counted."""

    def __init__(self, app: Any, **given: Any) -> None:
        self.registry = CollectorRegistry()
        settings: dict[str, Any] = {
            "direct": {},
            "metrics": Metrics(self.registry),
            "access_log": AccessLog(os.open(os.devnull, os.O_WRONLY)),
            "keys": Keys((), None),
            "rate_limit": None,
            "max_concurrency": 2,
            "leaving": Leaving(0),
        }
        self.door = Door(app, **{**settings, **given})

    def ask(self, questions: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
        async def all_of() -> Any:
            transport = httpx.ASGITransport(self.door)
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return await questions(client)

        return asyncio.run(all_of())

    def counted(self, **labels: str) -> float:
        return self.registry.get_sample_value("churn_api_requests_total", labels) or 0.0


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await respond(send, 200, b"{}")


def test_what_goes_wrong_inside_is_a_500_that_tells_nothing() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("the password is hunter2")

    answer = (house := House(broken)).ask(lambda client: client.get("/x"))
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert house.counted(method="GET", route="unmatched", status="500") == 1


def test_a_client_that_is_gone_is_counted_as_such() -> None:
    async def gone(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, 200, b"{}")
        raise ClientGoneError

    house = House(gone)
    house.ask(lambda client: client.get("/x"))
    assert house.counted(method="GET", route="unmatched", status="499") == 1


def test_a_problem_after_the_answer_has_begun_cuts_it_off() -> None:
    async def late(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        raise ProblemError.of("busy", "too late")

    sent: list[dict[str, Any]] = []

    async def run() -> None:
        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
        await House(late).door(scope, None, send)  # type: ignore[arg-type]

    asyncio.run(run())
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


def test_beyond_the_limit_requests_are_told_to_come_back() -> None:
    async def questions(client: httpx.AsyncClient) -> list[int]:
        waiting = [asyncio.create_task(client.get("/slow")) for _ in range(3)]
        while house.door._inside < 2:
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        full = [(await client.get(path)).status_code for path in ("/x", "/live", "/metrics")]
        released.set()
        return [*full, *[answer.status_code for answer in await asyncio.gather(*waiting)]]

    released = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/slow":
            await released.wait()
        await respond(send, 200, b"{}")

    house = House(slow)
    found = house.ask(questions)
    assert found[:3] == [503, 200, 200]
    assert sorted(found[3:]) == [200, 200, 503]
    assert house.registry.get_sample_value("churn_api_turned_away_total", {"reason": "busy"}) == 2
    assert house.registry.get_sample_value("churn_api_in_flight_requests") == 0


def test_keys_guard_all_but_what_operators_need() -> None:
    house = House(hello, keys=Keys([SecretStr(KEY)], None))

    async def questions(client: httpx.AsyncClient) -> list[httpx.Response]:
        open_paths = [await client.get(path) for path in ("/live", "/ready", "/health", "/metrics")]
        key = {"authorization": f"Bearer {KEY}"}
        wrong = {"authorization": f"Bearer {KEY}x"}
        guarded = [await client.get("/x", headers=given) for given in (key, wrong, {})]
        return open_paths + guarded

    found = house.ask(questions)
    assert [answer.status_code for answer in found] == [200, 200, 200, 200, 200, 401, 401]
    assert found[-1].headers["www-authenticate"] == "Bearer"
    assert KEY not in found[-2].text


def test_the_rate_limit_is_per_key() -> None:
    keys = [SecretStr("a" * 16), SecretStr("b" * 16)]
    house = House(hello, keys=Keys(keys, None), rate_limit=RateLimit(0.01, 1))

    async def questions(client: httpx.AsyncClient) -> list[int]:
        return [
            (await client.get("/x", headers={"x-api-key": key * 16})).status_code for key in "aabb"
        ]

    assert house.ask(questions) == [200, 429, 200, 429]


@pytest.mark.parametrize("request_id", ["", "a b", 'a"b', "x" * 129, "a\tb"])
def test_an_id_that_could_break_a_log_is_refused(request_id: str) -> None:
    house = House(hello)
    answer = house.ask(lambda client: client.get("/x", headers={"x-request-id": request_id}))
    assert answer.status_code == 400
    assert answer.headers["x-request-id"] != request_id


def test_other_kinds_of_connections_pass() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(House(app).door({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]


def test_direct_answers_are_counted_by_their_path() -> None:
    house = House(hello, direct={("POST", "/predict"): hello})
    house.ask(lambda client: client.post("/predict"))
    assert house.counted(method="POST", route="/predict", status="200") == 1
