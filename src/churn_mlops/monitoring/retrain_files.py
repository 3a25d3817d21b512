"""Reads what `retrain` decides by: checks, lists, bad days and the ledger, as they lie there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from churn_mlops.data.bad_days import BadDay, read_bad_days, spoiled
from churn_mlops.data.calendar import known_last_day, read_calendar, report_path
from churn_mlops.data.checks import GATE
from churn_mlops.data.watermark import read_watermark
from churn_mlops.errors import ContractError
from churn_mlops.files import read_json
from churn_mlops.monitoring.evidence import Checked, Evidence, Fallen, Lost, Trial
from churn_mlops.monitoring.findings import JOINT
from churn_mlops.monitoring.performance import below, has_fallen
from churn_mlops.monitoring.reports import reports
from churn_mlops.monitoring.triggers import CHANGES
from churn_mlops.params import Params
from churn_mlops.registry.bundle import Bundle
from churn_mlops.registry.champion import load_champion
from churn_mlops.registry.history import (
    PROBATION_PASSED,
    PROMOTED,
    REFUSED,
    RETRAINED,
    REVERTED,
    ROLLED_BACK,
    ledger,
)
from churn_mlops.registry.ledger import Entry
from churn_mlops.training.bootstrap import RANKING

# Drift that began earlier is read as having begun then.
MOST_CHECKS = 120
# What the line of a training says that found nothing to train.
UP_TO_DATE = "up_to_date"


def read_evidence(params: Params) -> Evidence:
    """Read everything; what has not been made yet is no evidence.

    Raises
    ------
    BundleError
        There is no sound champion.
    ContractError
        A file is damaged, or nobody knows the last day.
    LedgerError
        The ledger is damaged.
    """
    bundle = load_champion(params)
    day = last_day(params)
    bad = tuple(read_bad_days(params))
    entries = ledger(params).entries()
    return Evidence(
        day=day,
        first_day=_first_day(bundle, params),
        champion=bundle.version,
        tested_until=bundle.meta.window.test_last_day,
        drift=read_drift(params, day),
        fallen=tuple(one for one in read_fallen(params, bundle.version, bad) if one.day <= day),
        rejected=rejected(params, day, bad),
        bad=bad,
        trained=trained(entries, day),
        retrained=tuple(_days(entries, (RETRAINED,), day)),
        for_change=for_change(entries, day),
        taken_back=max(_days(entries, (REVERTED, ROLLED_BACK), day), default=None),
        trial=trial(entries, params),
        lost=lost(entries, day),
    )


def last_day(params: Params) -> date:
    """The last day that has been brought in.

    Raises
    ------
    ContractError
        Neither the watermark nor the gate tells.
    """
    mark = read_watermark(params)
    day = mark.as_of if mark is not None and mark.as_of is not None else known_last_day(params)
    if day is None:
        raise ContractError(
            "nobody knows how far the data reach: neither watermark nor validation report is there",
            fix="run the pipeline first: `dvc repro`",
        )
    return day


def _first_day(bundle: Bundle, params: Params) -> date:
    if report_path(params).exists():
        try:
            return read_calendar(params).first_day
        except ContractError:
            # The gate is closed, which is a precondition's to tell.
            return bundle.meta.window.train_first_day
    return bundle.meta.window.train_first_day


def rejected(params: Params, day: date, bad: Sequence[BadDay]) -> str | None:
    """Why a day did not pass validation; None when it did."""
    # What a drift check finds has its own precondition.
    marked = [one for one in bad if one.day == day and one.check in GATE]
    if marked:
        return f"{day} did not pass validation: {marked[0].check} {marked[0].why}"
    path = report_path(params)
    if not path.exists():
        return f"{day} has not been validated: there is no {path}"
    status = read_json(path, lambda body: body.get("status"), _anew("dvc repro -f validate_data"))
    if status != "passed":
        return f"{day} did not pass validation: {path} says '{status}'"
    known = known_last_day(params)
    if known is not None and known < day:
        return f"{day} has not been validated: {path} ends on {known}"
    return None


def read_drift(params: Params, until: date) -> tuple[Checked, ...]:
    """The last drift checks up to a day, in the order of their days.

    There may be later ones, when the data were begun anew or an earlier state was checked out.
    """
    fix = _anew("churn drift-check --as-of-date DAY")
    found = (read_json(path, _checked, fix) for path in reports(params, until)[-MOST_CHECKS:])
    return tuple(one for one in found if one is not None)


def _checked(body: Mapping[str, Any]) -> Checked:
    failed = [one for one in body["findings"] if one["level"] == "FAIL"]
    upstream = [f"{one['check']} {one['text']}" for one in failed if one["upstream"]]
    moved: list[str] = []
    for one in failed:
        if one["check"] == JOINT:
            moved += body["joint"]["columns"]
        elif not one["upstream"]:
            moved.append(one["column"])
    return Checked(
        date.fromisoformat(body["as_of_date"]),
        str(body["model_version"]),
        str(body["status"]),
        tuple(upstream),
        tuple(dict.fromkeys(moved)),
        str(body["headline"]),
    )


def read_fallen(params: Params, version: str, bad: Sequence[BadDay] = ()) -> tuple[Fallen, ...]:
    """Metrics of the champion below their floors, beyond chance.

    The realised ones by the rule of `performance.status`, and those that came to less than promised
    for ``broken_promise_days`` on end, lists that bad days have spoiled left out. Of an estimate,
    which has seen no label, the whole interval must lie below the floor: people are told as soon as
    its value does.
    """
    path = Path(params.paths.artifacts) / "monitoring" / "performance_latest.json"
    most = params.monitoring.retrain.broken_promise_days
    days = spoiled(bad, params)
    found = read_json(
        path, lambda body: _fallen(body, version, most, days), _anew("churn performance")
    )
    return found or ()


def _fallen(
    body: Mapping[str, Any], version: str, most: int, without: Collection[date]
) -> tuple[Fallen, ...]:
    graded = [
        one
        for one in body["history"]
        if one["model_version"] == version and one["realised"] and one["estimated"]
    ]
    sound = [one for one in graded if date.fromisoformat(one["as_of_date"]) not in without]
    found = [one for name in RANKING if (one := _broken(sound, name, most))]
    realised = body["realised"]
    if realised is not None and realised["model_version"] == version:
        day = date.fromisoformat(realised["as_of_date"])
        for name in RANKING:
            one, least = realised[name], (body["realised_floors"] or {}).get(name)
            if has_fallen(one, least):
                text = (
                    f"{name} of {day} turned out as {one['value']:.3f}, below its floor {least:.3f}"
                )
                found.append(Fallen(day, text))
    if body["model_version"] == version:
        day = date.fromisoformat(body["as_of_date"])
        for name in RANKING:
            one, least = body["estimated"][name], body["floors"].get(name)
            if below(one["high"], least):
                text = (
                    f"{name} of {day} is estimated at {one['value']:.3f} (at most"
                    f" {one['high']:.3f}), below its floor {least:.3f}"
                )
                found.append(Fallen(day, text))
    return tuple(found)


def _broken(graded: Sequence[Mapping[str, Any]], name: str, most: int) -> Fallen | None:
    """A metric whose newest graded lists all came to less than promised.

    Lists of neighbouring days share users and labels and fall together: one alone says little.
    """
    broken: list[date] = []
    for one in reversed(graded):
        came = one["realised"][name]
        if not below(came["value"], came["low"]):
            break
        broken.append(date.fromisoformat(one["as_of_date"]))
    if not broken or (broken[0] - broken[-1]).days + 1 < most:
        return None
    text = f"{name} turned out less than promised on every day from {broken[-1]} to {broken[0]}"
    return Fallen(broken[0], text)


def trained(entries: Sequence[Entry], until: date) -> date | None:
    """The last day of the data when a model was trained last, as far as the ledger tells.

    Lines of days after `until` are of data that are no more.
    """
    return max(_days(entries, (RETRAINED, PROMOTED, REFUSED), until), default=None)


def for_change(entries: Sequence[Entry], until: date) -> date | None:
    """The last day of the data at the last training, when it was for drift or performance."""
    last = trained(entries, until)
    mine = [one for one in entries if one.action == RETRAINED and not _idle(one)]
    if last is None or not mine or day_of(mine[-1]) != last:
        return None
    evidence = mine[-1].facts.get("evidence") or {}
    kinds = {one["kind"] for one in evidence.get("triggers", [])}
    return last if kinds & set(CHANGES) else None


def trial(entries: Sequence[Entry], params: Params) -> Trial | None:
    """The probation that is under way: of the last promotion over another champion.

    It ends when the ledger says so: passed, reverted, rolled back by hand, or a new promotion.
    """
    for entry in reversed(entries):
        if entry.action in (REVERTED, ROLLED_BACK, PROBATION_PASSED):
            return None
        if entry.action == PROMOTED:
            before, since = entry.facts.get("champion"), day_of(entry)
            days = params.monitoring.retrain.probation_days
            if before is None or since is None or days == 0:
                return None
            return Trial(entry.facts["challenger"]["version"], before["version"], since, days)
    return None


def lost(entries: Sequence[Entry], until: date) -> Lost | None:
    """The last probation, when it was lost and nothing was promoted since.

    Parameters
    ----------
    entries : sequence of Entry
    until : date
        The last day of the data; a model that came later is none of them.
    """
    back = None
    for entry in reversed(entries):
        if entry.action == PROMOTED:
            return None
        if entry.action == ROLLED_BACK and back is None:
            back = entry.facts["to"]["version"]
        if entry.action == REVERTED:
            champion, since = entry.facts["champion"], date.fromisoformat(entry.facts["since"])
            # Somebody may have gone back to it by hand.
            return None if champion == back or since > until else Lost(champion, since)
    return None


def day_of(entry: Entry) -> date | None:
    """The last day of the data when an entry was written; None when it does not tell."""
    found = entry.facts.get("as_of_date")
    return None if found is None else date.fromisoformat(found)


def _days(entries: Sequence[Entry], actions: Sequence[str], until: date) -> list[date]:
    """The days up to a day of lines of some actions; a training that trained nothing is none."""
    days = [day_of(one) for one in entries if one.action in actions and not _idle(one)]
    return [day for day in days if day is not None and day <= until]


def _idle(entry: Entry) -> bool:
    told = (entry.facts.get("evidence") or {}).get("trained") or {}
    return entry.action == RETRAINED and told.get("decision") == UP_TO_DATE


def _anew(command: str) -> str:
    return f"write it anew: `{command}`"
