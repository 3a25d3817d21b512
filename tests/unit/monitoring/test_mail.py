"""A mail: what arrives, what is tried again, what is never sent in the clear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from churn_mlops.monitoring.attempts import RefusedError, TryAgainError
from churn_mlops.monitoring.mail import compose, send
from churn_mlops.monitoring.message import Message
from churn_mlops.params.monitoring import Smtp
from tests.certificates import certificate
from tests.mlflow_server import free_port
from tests.smtp_server import Mailbox, smtp_server

MESSAGE = Message(
    "Drift: größe_<b>\n漢字", (f"x & <y> 漢字 {'z' * 2_000}", ".", "end"), "critical", "l"
)
PASSWORD = "s3cret-of-ours"


def server(box: Mailbox, **over: Any) -> Smtp:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": box.port,
        "sender": "churn@example.org",
        "to": ("a@example.org", "b@example.org"),
        "tls": "none",
    }
    return Smtp.model_validate(values | over)


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("OUR_PASSWORD", PASSWORD)
    return {"user": "churn", "password_env": "OUR_PASSWORD"}


def test_what_arrives() -> None:
    with smtp_server() as box:
        send(MESSAGE, server(box), 5)
    (mail,) = box.mails
    assert mail["Subject"] == "Drift: größe_<b> 漢字"
    assert mail["From"] == "churn@example.org"
    assert mail["To"] == "a@example.org, b@example.org"
    assert mail["Message-ID"].endswith("@example.org>")
    assert mail["Importance"] == "high"
    assert mail.get_content().splitlines() == MESSAGE.text().splitlines()
    assert box.recipients == ["a@example.org", "b@example.org"]


def test_starttls_and_a_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: dict[str, str]
) -> None:
    made = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made[0]))
    with smtp_server(made) as box:
        send(MESSAGE, server(box, tls="starttls", **login), 5)
    assert len(box.mails) == 1
    assert box.logins == [("churn", PASSWORD)]
    assert [line.split(" ")[0].upper() for line in box.in_the_clear] == ["EHLO", "STARTTLS"]


def test_tls_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: dict[str, str]
) -> None:
    made = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made[0]))
    with smtp_server(made, at_once=True) as box:
        send(MESSAGE, server(box, tls="ssl", **login), 5)
    assert len(box.mails) == 1


@pytest.mark.parametrize("tls", ["starttls", "ssl"])
def test_a_certificate_that_nobody_vouches_for_is_refused(
    tls: str, tmp_path: Path, login: dict[str, str]
) -> None:
    with (
        smtp_server(certificate(tmp_path), at_once=tls == "ssl") as box,
        pytest.raises(RefusedError, match="no safe connection"),
    ):
        send(MESSAGE, server(box, tls=tls, **login), 5)
    assert (box.mails, box.logins) == ([], [])


def test_a_server_without_starttls_gets_nothing(login: dict[str, str]) -> None:
    with smtp_server() as box, pytest.raises(RefusedError, match="STARTTLS"):
        send(MESSAGE, server(box, tls="starttls", **login), 5)
    assert (box.mails, box.logins, box.recipients) == ([], [], [])


def test_a_server_that_refuses_starttls_gets_nothing(tmp_path: Path, login: dict[str, str]) -> None:
    with smtp_server(certificate(tmp_path)) as box:
        box.replies = {"STARTTLS": ["501 not today"]}
        with pytest.raises(RefusedError, match="501 not today"):
            send(MESSAGE, server(box, tls="starttls", **login), 5)
    assert (box.mails, box.logins) == ([], [])


@pytest.mark.slow
@pytest.mark.parametrize("command", ["CONNECT", "MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize(
    ("code", "kind"), [(451, TryAgainError), (421, TryAgainError), (550, RefusedError)]
)
def test_replies_for_later_and_for_ever(command: str, code: int, kind: type[Exception]) -> None:
    with smtp_server() as box:
        box.replies = {command: [f"{code} so it is"] * 2}
        with pytest.raises(kind, match=f"{code} so it is"):
            send(MESSAGE, server(box), 5)
    assert box.mails == []


def test_a_recipient_who_is_refused_is_named_though_the_others_have_it() -> None:
    with smtp_server() as box:
        box.replies = {"RCPT": ["250 fine", "550 gone"]}
        with pytest.raises(RefusedError, match=r"not to all: b@example\.org refused: 550 gone"):
            send(MESSAGE, server(box), 5)
    assert box.recipients == ["a@example.org"]
    assert len(box.mails) == 1


def test_how_it_says_good_bye_does_not_matter() -> None:
    with smtp_server() as box:
        box.replies = {"QUIT": ["500 what?"]}
        send(MESSAGE, server(box), 5)
    assert len(box.mails) == 1


def test_a_wrong_password_is_told_and_not_shown(login: dict[str, str]) -> None:
    with smtp_server() as box:
        box.replies = {"AUTH": [f"535 no: {PASSWORD} AGNodXJuAHMzY3JldC1vZi1vdXJz"]}
        with pytest.raises(RefusedError, match=r"535 no: \*\*\* \*\*\*") as raised:
            send(MESSAGE, server(box, **login), 5)
    assert PASSWORD not in str(raised.value)


def test_without_the_variable_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OUR_PASSWORD", raising=False)
    with smtp_server() as box, pytest.raises(RefusedError, match="OUR_PASSWORD"):
        send(MESSAGE, server(box, user="u", password_env="OUR_PASSWORD"), 5)
    assert box.sessions == 0


def test_a_server_that_hangs_or_is_away_may_come_back() -> None:
    with smtp_server() as box:
        box.hangs = True
        with pytest.raises(TryAgainError, match=r"no answer within 0\.2 s|timed out"):
            send(MESSAGE, server(box), 0.2)
    box.port = free_port()
    with pytest.raises(TryAgainError, match="refused"):
        send(MESSAGE, server(box), 5)


@pytest.mark.parametrize("address", ["a@", "a@b\nBcc: c@d", "", "a@b, c@d"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(RefusedError):
        compose(MESSAGE, server(Mailbox(port=1), to=(address,)))


def test_a_line_break_in_a_title_makes_no_header() -> None:
    mail = compose(Message("a\r\nBcc: evil@example.org", ()), server(Mailbox(port=1)))
    assert mail["Bcc"] is None
