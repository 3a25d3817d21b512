"""Metrics to a Prometheus Pushgateway."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit

from churn_mlops.errors import PublishError
from churn_mlops.monitoring.gauges import Board

_SHOWN_CHARACTERS = 200


@dataclass(frozen=True)
class Push:
    """A group of metrics on its way.

    With `replace` everything that the group held is gone; without, what has other names stays.
    """

    board: Board
    job: str
    grouping: Mapping[str, str] = field(default_factory=dict)
    replace: bool = False


def push(url: str, pushes: Sequence[Push], timeout_seconds: float) -> None:
    """Send groups one after the other.

    Parameters
    ----------
    url : str
        May carry ``user:password@``.
    pushes : sequence of Push
    timeout_seconds : float
        For all of it, from looking the name up to the last answer.

    Raises
    ------
    PublishError
        The gateway is away, hangs or refuses.
    """
    try:
        shown, user, password = _parts(url)
        handler = partial(_send, user, password)
        _within(timeout_seconds, lambda: _all(shown, pushes, timeout_seconds, handler))
    except TimeoutError:
        why = f"no answer within {timeout_seconds:g} s"
    except URLError as error:
        why = str(error.reason)
    except (OSError, ValueError, HTTPException) as error:
        why = str(error) or type(error).__name__
    else:
        return
    raise PublishError(
        f"the Pushgateway at {without_secrets(url)} did not take the metrics: {why}",
        fix="start it, or correct monitoring.publish.pushgateway (null: none)",
    )


def without_secrets(url: str) -> str:
    """A URL that may be shown."""
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"


def _parts(url: str) -> tuple[str, str | None, str | None]:
    parts = urlsplit(url)
    user = None if parts.username is None else unquote(parts.username)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=place)), user, unquote(parts.password or "")


def _send(user: str | None, password: str | None, **request: Any) -> Callable[[], None]:
    from prometheus_client.exposition import basic_auth_handler, default_handler

    if user is None:
        return default_handler(**request)
    return basic_auth_handler(**request, username=user, password=password)


def _all(
    url: str, pushes: Sequence[Push], timeout: float, handler: Callable[..., Callable[[], None]]
) -> None:
    from prometheus_client import push_to_gateway, pushadd_to_gateway

    for one in pushes:
        send = push_to_gateway if one.replace else pushadd_to_gateway
        try:
            send(
                url,
                job=one.job,
                registry=one.board.registry,
                grouping_key=dict(one.grouping),
                timeout=timeout,
                handler=handler,
            )
        except HTTPError as error:
            body = error.read(_SHOWN_CHARACTERS).decode("utf-8", "replace").strip()
            answer = f"it answers {error.code} {error.reason}"
            raise OSError(f"{answer}: {body}" if body else answer) from error


def _within(seconds: float, call: Callable[[], None]) -> None:
    """Call, and raise TimeoutError after so long.

    A socket's timeout bounds each of its steps, not their sum, and not the search for a name.
    """
    ended: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            call()
        except Exception as error:
            ended.put(error)
        else:
            ended.put(None)

    threading.Thread(target=run, daemon=True, name="push").start()
    try:
        error = ended.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
