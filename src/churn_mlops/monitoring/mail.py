"""Sends a message by mail, once; says whether another try may help."""

from __future__ import annotations

import base64
import os
import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from churn_mlops.monitoring.attempts import RefusedError, TryAgainError
from churn_mlops.monitoring.message import Message, one_line
from churn_mlops.monitoring.wire import hide, within
from churn_mlops.params.monitoring import Smtp

_SHOWN_CHARACTERS = 200
# Greeting, hello, login, sender, recipients, text: a mail is a conversation.
_ANSWERS = 6


def compose(message: Message, smtp: Smtp) -> EmailMessage:
    """The mail.

    Raises
    ------
    RefusedError
        An address is none.
    """
    mail = EmailMessage()
    try:
        mail["From"] = smtp.sender
        mail["To"] = ", ".join(smtp.to)
        mail["Subject"] = one_line(message.title)
        mail["Date"] = formatdate()
        mail["Message-ID"] = make_msgid(domain=smtp.sender.rpartition("@")[2] or "localhost")
        # Nobody's holiday shall answer.
        mail["Auto-Submitted"] = "auto-generated"
        if message.severity == "critical":
            mail["Importance"] = "high"
        if not mail["From"].addresses or len(mail["To"].addresses) != len(smtp.to):
            raise ValueError("monitoring.alert.smtp: an address of sender or to is none")
    except (ValueError, AttributeError, IndexError) as error:
        raise RefusedError(f"the mail cannot be written: {error}") from error
    mail.set_content(message.text() + "\n")
    return mail


def send(message: Message, smtp: Smtp, timeout_seconds: float) -> None:
    """Send a mail to all recipients.

    Parameters
    ----------
    message : Message
    smtp : Smtp
    timeout_seconds : float
        For each answer of the server; for all of them, several times as long.

    Raises
    ------
    TryAgainError
        No connection, no answer in time, or a reply of 4yz, which SMTP means for later.
    RefusedError
        Any other reply, no safe connection when one is asked for, no password.
    """
    password = _password(smtp)
    mail = compose(message, smtp)
    place = f"{smtp.host}:{smtp.port}"

    def where(why: str) -> str:
        shown = hide(why, _secrets(smtp.user, password))
        return f"{place}: {one_line(shown, _SHOWN_CHARACTERS)}"

    try:
        within(_ANSWERS * timeout_seconds, lambda: _send(mail, smtp, password, timeout_seconds))
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        kind = TryAgainError if all(400 <= code < 500 for code in codes) else RefusedError
        raise kind(where(_refusals(error.recipients))) from None
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        kind = TryAgainError if 400 <= error.smtp_code < 500 else RefusedError
        raise kind(where(f"it answers {error.smtp_code} {text}")) from None
    except smtplib.SMTPServerDisconnected as error:
        raise TryAgainError(where(str(error))) from None
    except TimeoutError:
        raise TryAgainError(where(f"no answer within {timeout_seconds:g} s")) from None
    except ssl.SSLError as error:
        if isinstance(error, ssl.SSLEOFError):
            raise TryAgainError(where(str(error))) from None
        raise RefusedError(where(f"no safe connection: {error}")) from None
    except RefusedError as error:
        raise RefusedError(where(str(error))) from None
    except (smtplib.SMTPException, ValueError) as error:
        raise RefusedError(where(str(error))) from None
    except OSError as error:
        raise TryAgainError(where(str(error))) from None


def _password(smtp: Smtp) -> str | None:
    if smtp.password_env is None:
        return None
    password = os.environ.get(smtp.password_env)
    if not password:
        raise RefusedError(
            f"{smtp.host}: there is no password in the environment variable {smtp.password_env},"
            " which monitoring.alert.smtp.password_env names"
        )
    return password


def _secrets(user: str | None, password: str | None) -> set[str]:
    """The password as it is and as it goes over the wire, which a server may repeat."""
    if not password:
        return set()
    wire = (password, f"\0{user}\0{password}")
    return {password, *(base64.b64encode(text.encode()).decode() for text in wire)}


def _send(mail: EmailMessage, smtp: Smtp, password: str | None, timeout_seconds: float) -> None:
    server: smtplib.SMTP
    if smtp.tls == "ssl":
        safe = ssl.create_default_context()
        server = smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=timeout_seconds, context=safe)
    else:
        server = smtplib.SMTP(smtp.host, smtp.port, timeout=timeout_seconds)
    try:
        if smtp.tls == "starttls":
            # Raises when the server does not offer it: nothing is ever sent in the clear instead.
            server.starttls(context=ssl.create_default_context())
        if smtp.user is not None and password is not None:
            server.login(smtp.user, password)
        refused = server.send_message(mail)
    except BaseException:
        server.close()
        raise
    # It is delivered; how the server says good-bye does not matter.
    with suppress(OSError, smtplib.SMTPException):
        server.quit()
    if refused:
        raise RefusedError(f"sent, but not to all: {_refusals(refused)}")


def _refusals(recipients: dict[str, Any]) -> str:
    return "; ".join(
        f"{who} refused: {code} {text.decode('utf-8', 'replace')}"
        for who, (code, text) in recipients.items()
    )
