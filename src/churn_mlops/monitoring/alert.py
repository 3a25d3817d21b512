"""`churn job high-drift-alert`: tells people what moved, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from churn_mlops.data.checks import BY_NUMBER
from churn_mlops.errors import ContractError
from churn_mlops.monitoring.delivered import note, told, told_path
from churn_mlops.monitoring.message import TITLE_CHARACTERS, Message, Severity, one_line
from churn_mlops.monitoring.news import News, gather
from churn_mlops.monitoring.notify import channels, notify
from churn_mlops.params import Params
from churn_mlops.registry.history import RETRAIN_WAITED
from churn_mlops.summary import Summary

TOP_FINDINGS = 10
METRICS = ("pr_auc", "roc_auc")
STAGE = "high_drift_alert"


def run(params: Params, *, again: bool = False, test: bool = False) -> Summary:
    """Tell every channel what is wrong, once per day and news.

    Parameters
    ----------
    params : Params
    again : bool, optional
        Also those who have been told.
    test : bool, optional
        Send a test message instead.

    Raises
    ------
    NotifyError
        A channel did not take it; the others were told.
    ParamsError
        No channel is configured, whether there is something to tell or not.
    ContractError
        The file of the gate or of the check is damaged; people were told so.
    """
    configured = channels(params)
    if test:
        message = _test(params)
        sent = notify(params, message)
        return _summary("test", message, sent)
    news = gather(params)
    if not news.worth_telling:
        return Summary(STAGE, {"told": 0}, [], {"outcome": "nothing"}, [_all_well(news)])
    message = message_of(news, params)
    day = news.today
    known = set() if again else told(params, day, message)
    if known >= configured.keys():
        facts = {"outcome": "known", **message.facts}
        summary = Summary(STAGE, {"told": 0}, [], facts, [f"told before: {message.title}"])
    else:
        sent = notify(params, message, known, partial(note, params, day, message))
        summary = _summary("told", message, sent)
        summary.outputs.append(told_path(params, day))
    if news.damaged:
        raise ContractError(
            "; ".join(news.damaged), fix="write it anew: `churn drift-check`, `churn validate-data`"
        )
    return summary


def message_of(news: News, params: Params) -> Message:
    """What is told about a state of things that is worth telling."""
    lines = [one_line(line) for line in _lines(news, params)]
    severity: Severity = "critical" if news.drifted or news.refused else "warning"
    return Message(
        title=one_line(_title(news), TITLE_CHARACTERS),
        lines=tuple(lines),
        severity=severity,
        link=params.monitoring.alert.link,
        facts=_facts(news),
        about=_about(news),
    )


def _title(news: News) -> str:
    if news.refused:
        return f"churn: {news.refused_data} did not pass its checks"
    if news.drifted and news.drift is not None:
        what = "data broken at its source" if news.upstream else "drift"
        return f"churn: {what} on {news.drift.as_of_date}: {news.drift.headline}"
    if news.damaged:
        return "churn: nobody can tell whether the data is in order"
    return f"churn: the data of {news.last_day} has not been checked for drift"


def _lines(news: News, params: Params) -> Iterator[str]:
    yield from news.damaged
    if news.refused:
        yield from _gate(news)
    if news.stale:
        checked = f"is of {news.drift.as_of_date}" if news.drift else "was never made"
        yield (
            f"The data reaches to {news.last_day}, but the latest drift check {checked}: see"
            " whether `churn job batch-score` and `churn job drift-check` run."
        )
    if news.drifted and news.drift is not None:
        yield from _drift(news)
        yield _retraining(news, params)
    yield from _bad_days(news)
    yield from _performance(news)
    if news.drift is not None and news.drift.model_version:
        yield f"Model: {news.drift.model_version}"
    yield from (f"Not known: {problem}" for problem in news.unread)


def _gate(news: News) -> Iterator[str]:
    yield (
        f"Refused: {news.refused_data}. The list is that of the last good day. Mend the source and"
        " deliver anew; docs/checks.md explains the checks."
    )
    if news.validation is None or news.validation.status == "passed":
        return
    for name, table in news.validation.tables.items():
        if table.rows_quarantined:
            checks = ", ".join(_named(number, n) for number, n in table.checks.items())
            yield f"{name}: {table.quarantine_share:.2%} of {table.rows_in:,} rows: {checks}"


def _named(number: str, rows: int) -> str:
    name = f" {BY_NUMBER[number].name}" if number in BY_NUMBER else ""
    return f"{number}{name}: {rows:,}"


def _drift(news: News) -> Iterator[str]:
    if news.drift is None:
        return
    found = news.drift.findings
    yield f"{news.drift.as_of_date}, {news.drift.users:,} users: {news.drift.headline}"
    for one in found[:TOP_FINDINGS]:
        where = " (at the source)" if one.upstream else ""
        yield f"{one.level} {one.check}{where}: {one.text}"
    if len(found) > TOP_FINDINGS:
        yield f"… and {len(found) - TOP_FINDINGS} more findings"


def _retraining(news: News, params: Params) -> str:
    """What training anew does about it, and why."""
    if news.retraining is not None:
        did = "waits" if news.retraining.action == RETRAIN_WAITED else "was done"
        return f"Retraining {did}: {news.retraining.facts.get('reason', 'no reason was noted')}"
    if news.upstream:
        return (
            "Retraining does nothing about it: this looks like a fault of whoever delivers the"
            " data, and a model trained on it would learn the fault. Have it mended and"
            " delivered again."
        )
    rule = params.monitoring.retrain
    return (
        f"No fault of the source explains it. {news.fails} of the last {rule.drift_checks} checks"
        f" FAIL; from {rule.drift_fails} on `churn job drift-auto-retrain` trains on newer days,"
        " and the gate decides whether that is better."
    )


def _bad_days(news: News) -> Iterator[str]:
    for one in news.bad_days:
        yield f"Nothing is learned from {one.day} ({one.check}): {one.why}"


def _performance(news: News) -> Iterator[str]:
    found = news.performance
    if found is None:
        return
    values = [
        f"{metric} {estimate.value:.3f}, floor {floor:.3f}"
        for metric, estimate in found.estimated.items()
        if metric in METRICS
        and estimate.value is not None
        and (floor := found.floors.get(metric)) is not None
    ]
    said = f", estimated {'; '.join(values)}" if values else ""
    yield f"Performance of the list of {found.as_of_date}: {found.status}{said}"


def _facts(news: News) -> dict[str, Any]:
    drift = news.drift
    return {
        "as_of_date": news.today.isoformat(),
        "last_day": news.last_day.isoformat() if news.last_day else None,
        "drift_status": drift.status if drift else None,
        "validation_status": news.validation.status if news.validation else None,
        "stale": news.stale,
        "upstream": bool(news.upstream),
        "model_version": drift.model_version if drift else None,
        "findings": [one.model_dump() for one in drift.findings[:TOP_FINDINGS]] if drift else [],
        "retraining": news.retraining.action if news.retraining else None,
    }


def _about(news: News) -> dict[str, Any]:
    """What is wrong, without what has become of it: that changes, and is no news of its own."""
    drift, gate = news.drift, news.validation
    return {
        "drift": drift.model_dump(mode="json", include={"as_of_date", "findings", "model_version"})
        if drift and news.drifted
        else None,
        "gate": [str(news.last_day), gate.model_dump(mode="json") if gate else None]
        if news.refused
        else None,
        "stale": [str(news.last_day), str(drift.as_of_date if drift else None)]
        if news.stale
        else None,
        "damaged": list(news.damaged),
    }


def _test(params: Params) -> Message:
    return Message(
        title="churn: this is a test",
        lines=("Somebody ran `churn job high-drift-alert --test`. Nothing is wrong.",),
        link=params.monitoring.alert.link,
        facts={"test": True},
    )


def _summary(outcome: str, message: Message, sent: list[str]) -> Summary:
    facts = {"outcome": outcome, "title": message.title, "channels": sent, **message.facts}
    lines = [f"told {', '.join(sent)}: {message.title}", *(f"  {line}" for line in message.lines)]
    return Summary(STAGE, {"told": len(sent)}, [], facts, lines)


def _all_well(news: News) -> str:
    if news.drift is None:
        why = "there is no drift check yet" if news.has_champion else "there is no champion yet"
        return f"nothing to tell: {why}"
    return f"nothing to tell: the check of {news.drift.as_of_date} says {news.drift.status}"
