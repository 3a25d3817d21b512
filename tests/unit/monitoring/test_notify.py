"""Every channel is tried, failures are named, secrets are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from churn_mlops.errors import NotifyError, ParamsError
from churn_mlops.monitoring.message import Message
from churn_mlops.monitoring.notify import channels, notify
from churn_mlops.params import Params
from tests.mlflow_server import free_port
from tests.receiver import Answer, answers, receiver
from tests.smtp_server import smtp_server
from tests.trained import params_in

MESSAGE = Message("a title", ("größe <x>: 漢字",), facts={"n": 1})
SECRET = "/services/T0001/B0002/abcDEF123456"


@pytest.fixture
def alerting(tmp_path: Path) -> Callable[..., Params]:
    def make(**alert: Any) -> Params:
        settings = {"tries": 3, "backoff_seconds": 0.0, "timeout_seconds": 5.0, **alert}
        return params_in(tmp_path, monitoring={"alert": settings})

    return make


def smtp(port: int) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": port,
        "sender": "churn@example.org",
        "to": ("a@example.org",),
        "tls": "none",
    }


def test_all_channels_get_it(alerting: Callable[..., Params]) -> None:
    with receiver() as hook, receiver() as slack, smtp_server() as box:
        params = alerting(webhook=hook.url, slack=slack.url + SECRET, smtp=smtp(box.port))
        told: list[str] = []
        assert notify(params, MESSAGE, delivered=told.append) == told
    assert told == ["webhook", "slack", "smtp"]
    assert hook.bodies == [MESSAGE.as_json()]
    assert slack.requests[0][1] == SECRET
    assert slack.bodies[0]["blocks"][0]["text"]["text"] == "a title"
    assert box.mails[0]["Subject"] == "a title"


def test_without_a_channel_nobody_would_be_told(alerting: Callable[..., Params]) -> None:
    for call in (lambda p: channels(p), lambda p: notify(p, MESSAGE)):
        with pytest.raises(ParamsError, match="nobody would be told") as raised:
            call(alerting())
        assert "CHURN__MONITORING__ALERT__SLACK" in (raised.value.fix or "")


def test_the_log_is_a_channel(alerting: Callable[..., Params]) -> None:
    with capture_logs() as logs:
        assert notify(alerting(log=True), MESSAGE) == ["log"]
    (entry,) = [one for one in logs if one["event"] == "message"]
    assert (entry["log_level"], entry["title"]) == ("warning", MESSAGE.title)
    assert entry["lines"] == list(MESSAGE.lines)


def test_it_works_after_a_while(alerting: Callable[..., Params]) -> None:
    with receiver(*answers(503, 429, 200)) as hook:
        assert notify(alerting(webhook=hook.url), MESSAGE) == ["webhook"]
    assert hook.bodies == [MESSAGE.as_json()] * 3


def test_mail_works_after_a_while(alerting: Callable[..., Params]) -> None:
    with smtp_server() as box:
        box.replies = {"CONNECT": ["421 later"], "END": ["451 greylisted"]}
        assert notify(alerting(smtp=smtp(box.port)), MESSAGE) == ["smtp"]
    assert (box.sessions, len(box.mails)) == (3, 1)


def test_it_never_works(alerting: Callable[..., Params]) -> None:
    with receiver(Answer(500, b"down")) as hook, pytest.raises(NotifyError) as raised:
        notify(alerting(webhook=hook.url), MESSAGE)
    assert len(hook.requests) == 3
    assert raised.value.exit_code == 23
    assert f"  webhook: {hook.url}: it answers 500 Internal Server Error: down" in str(raised.value)
    assert "tried 3 times" in str(raised.value)
    assert "monitoring.alert.webhook" in (raised.value.fix or "")


def test_a_refusal_is_told_at_once(alerting: Callable[..., Params]) -> None:
    with receiver(Answer(404, b"no_service")) as slack, pytest.raises(NotifyError) as raised:
        notify(alerting(slack=slack.url + SECRET), MESSAGE)
    assert len(slack.requests) == 1
    assert "it answers 404 Not Found: no_service" in str(raised.value)


def test_the_wait_is_as_long_as_it_is_asked_for(
    alerting: Callable[..., Params],
) -> None:
    with (
        receiver(Answer(429, headers={"Retry-After": "1"}), Answer()) as hook,
        capture_logs() as logs,
    ):
        assert notify(alerting(webhook=hook.url), MESSAGE) == ["webhook"]
    assert [line["wait_seconds"] for line in logs if "wait_seconds" in line] == [1.0]


def test_a_channel_that_fails_keeps_no_other_from_being_told(
    alerting: Callable[..., Params],
) -> None:
    told: list[str] = []
    with receiver() as slack, smtp_server() as box:
        params = alerting(
            webhook=f"http://127.0.0.1:{free_port()}/", slack=slack.url, smtp=smtp(box.port)
        )
        with pytest.raises(NotifyError) as raised:
            notify(params, MESSAGE, delivered=told.append)
    assert told == ["slack", "smtp"]
    assert len(slack.requests) == len(box.mails) == 1
    assert "(slack, smtp took it)" in str(raised.value)
    assert "\n  webhook: " in str(raised.value)
    assert "\n  slack: " not in str(raised.value)


def test_who_knows_is_not_told_again(alerting: Callable[..., Params]) -> None:
    with receiver() as hook, receiver() as slack:
        params = alerting(webhook=hook.url, slack=slack.url)
        assert notify(params, MESSAGE, known={"webhook"}) == ["slack"]
    assert hook.requests == []


def test_secrets_are_nowhere(
    alerting: Callable[..., Params],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OUR_PASSWORD", "s3cret-of-ours")
    echo = json.dumps({"no": SECRET}).encode()
    with receiver(Answer(500, echo)) as slack, smtp_server() as box:
        box.replies = {"AUTH": ["535 s3cret-of-ours is wrong"]}
        mail = smtp(box.port) | {"user": "u", "password_env": "OUR_PASSWORD"}
        params = alerting(
            webhook=f"http://robot:p4ssword@127.0.0.1:{free_port()}/x?token=t0ken",
            slack=slack.url + SECRET,
            smtp=mail,
        )
        with pytest.raises(NotifyError) as raised:
            notify(params, MESSAGE)
    seen = (
        str(raised.value) + "".join(capsys.readouterr()) + repr(params) + str(params.model_dump())
    )
    assert "it answers 500" in seen
    for secret in ("abcDEF", "T0001", "p4ssword", "t0ken", "s3cret-of-ours"):
        assert secret not in seen
