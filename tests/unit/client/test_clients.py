"""Both clients, against answers that a real server gives rarely, and against the application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from churn_mlops.client import ApiError, ApiUnavailableError, AsyncClient, Client, LineProblem
from churn_mlops.client import retry as retries
from tests.serving import golden_request, running, workspace
from tests.trained import bundle

PROBLEM = {
    "type": "urn:churn-mlops:problem:unknown-feature",
    "title": "Unknown feature",
    "status": 422,
    "detail": "the request has a mistake",
    "request_id": "r",
    "errors": [{"where": "features.x", "message": "did you mean y?"}],
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_SECONDS", 0.0)


Answer = Callable[[httpx.Request], httpx.Response]


def outcome(answer: Answer, call: str, *given: Any, **named: Any) -> list[Any]:
    """What the plain and the async client make of a call: a result or an error each."""

    def plain() -> Any:
        with Client("http://churn", transport=httpx.MockTransport(answer)) as client:
            return getattr(client, call)(*given, **named)

    async def waiting() -> Any:
        transport = httpx.MockTransport(answer)
        async with AsyncClient("http://churn", transport=transport) as client:
            return await getattr(client, call)(*given, **named)

    found: list[Any] = []
    for ask in (plain, lambda: asyncio.run(waiting())):
        try:
            found.append(ask())
        except ApiError as error:
            found.append(error)
    return found


@asynccontextmanager
async def asking(folder: Path) -> AsyncIterator[AsyncClient]:
    """The async client, and the application in this process."""
    async with (
        running(workspace(folder)) as http,
        AsyncClient("http://churn", transport=http._transport) as client,
    ):
        yield client


def test_a_passing_failure_is_tried_again_under_the_same_id() -> None:
    ids: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        ids.append(request.headers["x-request-id"])
        if len(ids) % 3 == 1:
            raise httpx.ConnectError("refused")
        if len(ids) % 3 == 2:
            return httpx.Response(503, json=PROBLEM, headers={"retry-after": "0"})
        return httpx.Response(200, json={"status": "alive"})

    assert outcome(answer, "live") == [True, True]
    assert len(ids) == 6
    assert len(set(ids)) == 2


def test_a_refusal_tells_every_mistake_and_is_not_repeated() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(422, json=PROBLEM)

    for error in outcome(answer, "predict", 1, {"x": 1.0}):
        assert type(error) is ApiError
        assert error.status == 422
        assert error.problem.errors[0].where == "features.x"
        assert "features.x: did you mean y?" in str(error)
        assert error.request_id in str(error)
    assert len(asked) == 2


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ReadTimeout, httpx.ReadError])
def test_no_answer_is_told_with_the_address(failure: type[httpx.TransportError]) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        raise failure("went wrong")

    for error in outcome(answer, "live"):
        assert type(error) is ApiUnavailableError
        assert (error.status, error.problem) == (None, None)
        assert "http://churn does not answer GET /live: went wrong" in str(error)
    assert len(asked) == 8


def test_a_proxy_that_answers_html_is_told_by_its_status() -> None:
    for error in outcome(lambda _: httpx.Response(502, text="<html>"), "model"):
        assert type(error) is ApiUnavailableError
        assert (error.status, error.problem) == (502, None)


def test_not_ready_is_an_answer() -> None:
    told = {"ready": False, "model": "churn", "source": "mlflow", "stale": True, "detail": "away"}
    for found in outcome(lambda _: httpx.Response(503, json=told), "ready"):
        assert (found.ready, found.detail) == (False, "away")


def test_a_user_is_asked_for_by_any_id() -> None:
    paths: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.raw_path)
        body = {"user_id": "a/b ü?", "as_of_date": "2025-04-30", "churn_risk": 0.5}
        more = {"risk_rank": 1, "decision": "contact", "reasons": [], "model_version": "x"}
        return httpx.Response(200, json={**body, **more, "plan": "free"})

    for found in outcome(answer, "user", "a/b ü?"):
        assert found.user_id == "a/b ü?"
        assert found.model_extra == {"plan": "free"}
    assert paths == [b"/users/a%2Fb%20%C3%BC%3F"] * 2


def test_the_key_goes_along() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json={})

    with Client("http://churn", api_key="k" * 16, transport=httpx.MockTransport(answer)) as client:
        client.live()
    assert seen == [f"Bearer {'k' * 16}"]


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
