"""Tells people how a run of the pipeline ended, on the channels of `monitoring.alert`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from churn_mlops.monitoring.message import TITLE_CHARACTERS, Message, one_line
from churn_mlops.monitoring.notify import notify
from churn_mlops.params import Params
from churn_mlops.summary import Summary

# As local runs and as clusters say it, where a step from the cache has a word of its own.
WELL = ("SUCCEEDED", "COMPLETE", "CACHED")


def message_of(told: Mapping[str, Any], params: Params) -> Message:
    """The message about a run.

    Parameters
    ----------
    told : mapping
        ``status``, Kubeflow's final status of the steps, with ``pipeline``, ``run`` and
        ``run_id``.
    params : Params
    """
    status = told.get("status") or {}
    state = str(status.get("state", "UNKNOWN"))
    well = state in WELL
    error = (status.get("error") or {}).get("message")
    names = {name: str(told.get(name)) for name in ("pipeline", "run", "run_id")}
    lines = [f"Run: {names['run']} ({names['run_id']})"]
    if not well:
        lines.append(one_line(f"Kubeflow says: {error or 'nothing about why'}"))
        lines.append("The log of the step that failed says why; what it had made was not kept.")
    ended = "succeeded" if well else f"ended as {state}"
    title = one_line(f"churn: the pipeline {names['pipeline']} {ended}", TITLE_CHARACTERS)
    return Message(
        title=title,
        lines=tuple(lines),
        severity="info" if well else "critical",
        link=params.monitoring.alert.link,
        facts={**names, "state": state},
        about={"run_id": names["run_id"], "state": state},
    )


def run(told: Mapping[str, Any], params: Params) -> Summary:
    """Tell every channel.

    Raises
    ------
    NotifyError
        A channel did not take it; the others were told.
    ParamsError
        No channel is configured.
    """
    message = message_of(told, params)
    sent = notify(params, message)
    facts = {"channels": sent, "title": message.title, **message.facts}
    return Summary("tell", {"told": len(sent)}, [], facts)
