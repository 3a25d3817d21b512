"""Metrics to a Prometheus Pushgateway."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError

from churn_mlops.errors import PublishError
from churn_mlops.monitoring.gauges import Board
from churn_mlops.monitoring.wire import address_and_login, within, without_secrets

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
        shown, user, password = address_and_login(url)
        handler = partial(_send, user, password)
        within(timeout_seconds, lambda: _all(shown, pushes, timeout_seconds, handler))
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
