"""Both clients against answers that a real server gives rarely."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from churn_mlops.client import ApiError, ApiUnavailableError, AsyncClient, Client
from churn_mlops.client import retry as retries

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
