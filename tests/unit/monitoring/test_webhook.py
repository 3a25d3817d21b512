"""One POST: what is a success, what may work later, what never will."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from churn_mlops.monitoring.attempts import RefusedError, TryAgainError
from churn_mlops.monitoring.webhook import post, retry_after
from tests.certificates import certificate
from tests.mlflow_server import free_port
from tests.receiver import Answer, receiver

BODY = {"title": "漢字 <b> & 'ü'", "n": 1}
SECRET = "/services/T0001/B0002/abcDEF123456"


def test_the_body_arrives() -> None:
    with receiver(Answer(204, b"")) as server:
        post(f"{server.url}/hook?x=1", BODY, 5)
    ((method, path, headers, body),) = server.requests
    assert (method, path, body) == ("POST", "/hook?x=1", BODY)
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["User-Agent"].startswith("churn-mlops/")


def test_a_login_is_sent_as_a_header() -> None:
    with receiver() as server:
        post(server.url.replace("http://", "http://us%40er:se%2Fcret@"), BODY, 5)
    assert server.requests[0][2]["Authorization"] == "Basic dXNAZXI6c2UvY3JldA=="


@pytest.mark.slow
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_work_later(status: int) -> None:
    with (
        receiver(Answer(status, b"too busy")) as server,
        pytest.raises(TryAgainError, match=f"it answers {status} .*: too busy"),
    ):
        post(server.url, BODY, 5)


@pytest.mark.slow
@pytest.mark.parametrize("status", [300, 400, 401, 403, 404, 410, 413])
def test_what_never_will(status: int) -> None:
    with (
        receiver(Answer(status, "nö\n service".encode())) as server,
        pytest.raises(RefusedError, match=f"it answers {status} .*: nö service"),
    ):
        post(server.url, BODY, 5)


@pytest.mark.slow
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_no_delivery(status: int) -> None:
    with receiver() as other, receiver() as server:
        server.answers = [Answer(status, headers={"Location": f"{other.url}/else"})]
        with pytest.raises(RefusedError, match=f"it answers {status}"):
            post(server.url, BODY, 5)
    assert len(server.requests) == 1
    assert other.requests == []


def test_retry_after_is_handed_on() -> None:
    busy = Answer(429, headers={"Retry-After": "7"})
    with receiver(busy) as server, pytest.raises(TryAgainError) as raised:
        post(server.url, BODY, 5)
    assert raised.value.after == 7


def test_retry_after_is_seconds_or_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=100)
    assert 90 < (retry_after(format_datetime(soon, usegmt=True)) or 0) <= 100
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("-3") == 0
    for nonsense in (None, "", "soon", "1.5.2"):
        assert retry_after(nonsense) is None


@pytest.mark.parametrize(
    "answer", [Answer(hangs=True), Answer(drips=True), Answer(500, drips=True)]
)
def test_what_takes_too_long_is_left(answer: Answer) -> None:
    with (
        receiver(answer) as server,
        pytest.raises(TryAgainError, match=r"no answer within 0\.3 s"),
    ):
        post(server.url, BODY, 0.3)


def test_a_connection_that_is_closed_or_refused_may_work_later() -> None:
    with receiver(Answer(hangs_up=True)) as server, pytest.raises(TryAgainError):
        post(server.url, BODY, 5)
    with pytest.raises(TryAgainError, match="refused"):
        post(f"http://127.0.0.1:{free_port()}", BODY, 5)


def test_a_host_that_is_not_found_may_be_found_later() -> None:
    with pytest.raises(TryAgainError, match=r"^http://nowhere\.invalid: "):
        post("http://nowhere.invalid/x", BODY, 5)


@pytest.mark.parametrize("place", ["127.0.0.1:port", "[::1", ""])
def test_an_address_that_is_none_never_will(place: str) -> None:
    with pytest.raises(RefusedError) as raised:
        post(f"http://{place}{SECRET}", BODY, 2)
    assert "abcDEF" not in str(raised.value)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with (
        receiver(certificate=certificate(tmp_path)) as server,
        pytest.raises(RefusedError, match=r"no safe connection: .*certificate verify failed"),
    ):
        post(server.url, BODY, 5)
    assert server.requests == []


def test_a_certificate_of_an_authority_of_ours_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made[0]))
    with receiver(certificate=made) as server:
        post(server.url, BODY, 5)
    assert server.bodies == [BODY]


def test_no_tls_where_tls_is_asked_for_is_refused() -> None:
    with receiver() as server, pytest.raises(RefusedError, match="no safe connection"):
        post(server.url.replace("http", "https"), BODY, 5)


def test_secrets_that_the_server_repeats_are_hidden() -> None:
    said = json.dumps({"error": f"no such hook: {SECRET}", "of": "p4ssword"}).encode()
    with receiver(Answer(404, said)) as server:
        url = server.url.replace("://", "://robot:p4ssword@") + SECRET
        with pytest.raises(RefusedError) as raised:
            post(url, BODY, 5)
    shown = str(raised.value)
    assert shown.startswith(f"{server.url}: it answers 404")
    for secret in ("T0001", "B0002", "abcDEF", "p4ssword"):
        assert secret not in shown


def test_long_answers_are_cut() -> None:
    with receiver(Answer(400, b"x" * 100_000)) as server, pytest.raises(RefusedError) as raised:
        post(server.url, BODY, 5)
    assert len(str(raised.value)) < 300
