"""Tells people on every channel of `monitoring.alert`: a webhook, Slack, mail, the log."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import structlog
from pydantic import SecretStr

from churn_mlops.errors import NotifyError, ParamsError
from churn_mlops.monitoring import mail, slack
from churn_mlops.monitoring.attempts import RefusedError, deliver
from churn_mlops.monitoring.message import Message
from churn_mlops.monitoring.webhook import post
from churn_mlops.params import Params
from churn_mlops.params.monitoring import Smtp

Send = Callable[[Message], None]
Body = Callable[[Message], dict[str, Any]]

log = structlog.get_logger()


def channels(params: Params) -> dict[str, Send]:
    """The configured channels: how to send a message once, by name.

    Raises
    ------
    ParamsError
        There is none.
    """
    alert = params.monitoring.alert
    seconds = alert.timeout_seconds
    found: dict[str, Send] = {}
    if alert.webhook is not None:
        found["webhook"] = partial(_post, alert.webhook, Message.as_json, seconds)
    if alert.slack is not None:
        found["slack"] = partial(_post, alert.slack, slack.payload, seconds)
    if alert.smtp is not None:
        found["smtp"] = partial(_mail, alert.smtp, seconds)
    if alert.log:
        found["log"] = _note
    if not found:
        raise ParamsError(
            "monitoring.alert names no channel: nobody would be told",
            fix="set monitoring.alert.webhook, slack, smtp or log in params.yaml, or in the"
            " environment: CHURN__MONITORING__ALERT__SLACK=https://…",
        )
    return found


def _post(url: SecretStr, body: Body, seconds: float, message: Message) -> None:
    post(url.get_secret_value(), body(message), seconds)


def _mail(smtp: Smtp, seconds: float, message: Message) -> None:
    mail.send(message, smtp, seconds)


def _note(message: Message) -> None:
    log.warning("message", **message.as_json())


def notify(
    params: Params,
    message: Message,
    known: Collection[str] = (),
    delivered: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Send a message on every channel; one that fails keeps no other from being tried.

    Parameters
    ----------
    params : Params
    message : Message
    known : collection of str, optional
        Channels that have had it and are left out.
    delivered : callable, optional
        Called with the name of a channel as soon as it has taken the message.

    Returns
    -------
    list of str
        The channels that took it.

    Raises
    ------
    NotifyError
        A channel did not take it, after all tries.
    ParamsError
        No channel is configured.
    """
    alert = params.monitoring.alert
    told: list[str] = []
    failed: dict[str, str] = {}
    for name, send in channels(params).items():
        if name in known:
            continue
        try:
            tries = deliver(partial(send, message), name, alert.tries, alert.backoff_seconds)
        except RefusedError as error:
            failed[name] = str(error)
            log.error("not delivered", channel=name, error=str(error))
            continue
        told.append(name)
        delivered(name)
        log.info("delivered", channel=name, attempts=tries, message=message.id)
    if failed:
        reasons = "\n".join(f"  {name}: {why}" for name, why in failed.items())
        taken = f" ({', '.join(told)} took it)" if told else ""
        keys = " and ".join(f"monitoring.alert.{name}" for name in failed)
        raise NotifyError(
            f"the message '{message.title}' was not delivered{taken}:\n{reasons}",
            fix=f"see what it says and correct {keys}; then run the command again, which tells only"
            " those who were not told",
        )
    return told
