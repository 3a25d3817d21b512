"""What every request passes on its way in and out: its id, the limits, the count, the log.

Plain ASGI: the framework's middleware classes cost more than scoring a user.
"""

from __future__ import annotations

import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import structlog

from churn_mlops.api.access_log import AccessLog
from churn_mlops.api.keys import Keys, presented
from churn_mlops.api.leaving import Leaving
from churn_mlops.api.metrics import Metrics
from churn_mlops.api.problems import CONTENT_TYPE, ProblemError
from churn_mlops.api.rate_limit import RateLimit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Whoever looks after the server gets in without a key, also when it is full.
OPEN_PATHS = frozenset({"/live", "/ready", "/health", "/metrics"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")

log = structlog.get_logger()


class ClientGoneError(Exception):
    """Whoever asked has hung up."""


class Door:
    """Wraps the application.

    Parameters
    ----------
    app : ASGI application
    direct : mapping of (method, path) to ASGI application
        What is answered without the framework's routing, which costs as much as scoring a user.
    metrics : Metrics
    access_log : AccessLog
    keys : Keys
    rate_limit : RateLimit or None
    max_concurrency : int
        Requests at a time; those beyond get 503 at once.
    leaving : Leaving
        When it has begun, every answer closes its connection.
    """

    def __init__(
        self,
        app: App,
        *,
        direct: Mapping[tuple[str, str], App],
        metrics: Metrics,
        access_log: AccessLog,
        keys: Keys,
        rate_limit: RateLimit | None,
        max_concurrency: int,
        leaving: Leaving,
    ) -> None:
        self._leaving = leaving
        self.app, self._direct = app, direct
        self._metrics, self._log = metrics, access_log
        self._keys, self._rate_limit = keys, rate_limit
        self._most, self._inside = max_concurrency, 0
        self._in_flight = metrics.in_flight
        self._prefix = secrets.token_hex(6)
        self._counter = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; other kinds of connections go through as they are."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        visit = Visit(send, last=self._leaving.begun)
        self._inside += 1
        self._in_flight.set(self._inside)
        try:
            request_id = self._request_id(scope)
            visit.identify(request_id)
            scope["request_id"] = request_id
            self._let_in(scope)
            app = self._direct.get((scope["method"], scope["path"]))
            if app is None:
                await self.app(scope, receive, visit.send)
            else:
                scope["template"] = scope["path"]
                await app(scope, receive, visit.send)
        except ProblemError as problem:
            await visit.refuse(problem)
        except ClientGoneError:
            visit.status = 499
        except Exception:
            log.exception("request failed", request_id=visit.request_id, route=_route(scope))
            await visit.refuse(
                ProblemError.of("internal", "the server's log says more under this request_id")
            )
        finally:
            self._inside -= 1
            self._in_flight.set(self._inside)
            method = scope["method"] if scope["method"] in METHODS else "OTHER"
            route, seconds = _route(scope), time.perf_counter() - began
            self._metrics.answered(method, route, visit.status, seconds)
            self._log.add(
                visit.request_id,
                method,
                route,
                visit.status,
                seconds,
                scope.get("model_version", ""),
            )

    def _request_id(self, scope: Scope) -> str:
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                if _REQUEST_ID.fullmatch(value):
                    return str(value.decode("ascii"))
                raise ProblemError.of(
                    "invalid-request-id",
                    "X-Request-ID must be 1 to 128 letters, digits or . _ : / + = @ -",
                )
        return self._new_id()

    def _new_id(self) -> str:
        return f"{self._prefix}-{next(self._counter):x}"

    def _let_in(self, scope: Scope) -> None:
        if scope["path"] in OPEN_PATHS:
            return
        if self._inside > self._most:
            self._metrics.turned_away.labels("busy").inc()
            raise ProblemError.of(
                "busy",
                f"{self._most} requests are under way; try again in a second",
                headers=[(b"retry-after", b"1")],
            )
        client = scope["client"][0] if scope.get("client") else ""
        if self._keys.required:
            name = self._keys.name_of(presented(scope["headers"]))
            if name is None:
                self._metrics.turned_away.labels("unauthorized").inc()
                raise ProblemError.of(
                    "unauthorized",
                    "send a key as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'",
                    headers=[(b"www-authenticate", b"Bearer")],
                )
            client = name
        if self._rate_limit is not None:
            wait = self._rate_limit.take(client)
            if wait > 0:
                self._metrics.turned_away.labels("rate_limit").inc()
                raise ProblemError.of(
                    "too-many-requests",
                    f"wait {wait:.1f} s before the next request",
                    headers=[(b"retry-after", str(int(wait) + 1).encode())],
                )


class Visit:
    """One request's way out: remembers the status and adds the id.

    The `last` one of its connection says so.
    """

    def __init__(self, send: Send, *, last: bool) -> None:
        self._send, self._last = send, last
        self._id = (b"x-request-id", b"")
        self.request_id, self.status, self._begun = "", 500, False

    def identify(self, request_id: str) -> None:
        """Set the id that the answer carries."""
        self.request_id, self._id = request_id, (b"x-request-id", request_id.encode())

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on."""
        if message["type"] == "http.response.start":
            self.status, self._begun = message["status"], True
            message["headers"] = [*message.get("headers", ()), self._id]
            if self._last:
                message["headers"].append((b"connection", b"close"))
        await self._send(message)

    async def refuse(self, problem: ProblemError) -> None:
        """Answer with a problem; an answer that has begun stays cut off, and the server closes."""
        if self._begun:
            log.warning("answer cut off", request_id=self.request_id, reason=problem.detail)
            return
        if not self.request_id:
            self.identify(secrets.token_hex(8))
        body = problem.body(self.request_id)
        headers = [
            (b"content-type", CONTENT_TYPE),
            (b"content-length", str(len(body)).encode()),
            *problem.headers,
        ]
        await self.send(
            {"type": "http.response.start", "status": problem.status, "headers": headers}
        )
        await self.send({"type": "http.response.body", "body": body})


def _route(scope: Scope) -> str:
    """The template of the route that answers, as a label that paths cannot multiply."""
    template: str | None = scope.get("template") or getattr(scope.get("route"), "path_format", None)
    return template or UNMATCHED
