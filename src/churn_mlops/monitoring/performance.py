"""How good the lists are: promised on their day, graded when their horizon has passed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from churn_mlops.data.bad_days import read_bad_days, spoiled
from churn_mlops.data.calendar import read_calendar
from churn_mlops.errors import ContractError
from churn_mlops.files import write_json, write_text
from churn_mlops.inference.kept import Kept, keep_latest, kept
from churn_mlops.monitoring.outcomes import Grade, Outcomes
from churn_mlops.monitoring.past import Memory
from churn_mlops.monitoring.promise import (
    Promise,
    promise,
    promise_path,
    read_promise,
    write_promise,
)
from churn_mlops.monitoring.realised import open_labels
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.registry.bundle import Bundle
from churn_mlops.registry.champion import load_champion
from churn_mlops.summary import Summary
from churn_mlops.training.bootstrap import RANKING

OK, WARN, FAIL = "OK", "WARN", "FAIL"


@dataclass(frozen=True)
class Entry:
    """A kept batch, what was promised about it, and how it turned out, as far as that is known.

    Of a day that its model has seen (`seen`), neither is told.
    """

    day: date
    version: str
    users: int
    promise: Promise | None
    realised: dict[str, Any] | None


def run(params: Params) -> Summary:
    """Promise how good the latest batch will be, and grade every batch whose time has come.

    Raises
    ------
    ContractError
        Nothing has been scored, or only a day that the champion was trained or tested on; a file
        is damaged, or labels are missing.
    BundleError
        There is no sound champion.
    """
    latest, bundle = keep_latest(params), load_champion(params)
    require_unseen(latest, bundle)
    batches = kept(params)
    last_day = read_calendar(params).last_day
    without = spoiled(read_bad_days(params), params)
    with (
        open_labels(params, last_day) as labels,
        steps("performance", len(batches)) as step,
    ):
        outcomes = Outcomes(labels, params, last_day)
        memory = Memory(bundle, batches, outcomes.of, without)
        entries = []
        for one in batches:
            entries.append(entry(one, bundle, memory, outcomes, params))
            step(f"{one.day} {one.version}")
    body = summed_up(entries, latest, bundle, params.churn.window_days, without)
    folder = Path(params.paths.artifacts) / "monitoring"
    outputs = [folder / "performance_latest.json", folder / "performance.csv"]
    write_json(outputs[0], body)
    write_text(outputs[1], as_csv(entries))
    graded = sum(e.realised is not None for e in entries)
    facts = {"as_of_date": body["as_of_date"], "status": body["status"]}
    for name, value in body["estimated"].items():
        facts[name] = f"{value['value']} ({value['low']} to {value['high']})"
    for name, count in body["promises"].items():
        if count["batches"]:
            facts[f"{name} promises kept"] = f"{count['kept']} of {count['batches']}"
    return Summary("performance", {"batches": len(entries), "graded": graded}, outputs, facts)


def seen(one: Kept, bundle: Bundle) -> bool:
    """Whether a batch is of a day that its own model was trained, chosen or tested on.

    It says nothing about days that the model has not seen. Known of the champion only.
    """
    return one.version == bundle.version and one.day <= bundle.meta.window.test_last_day


def require_unseen(latest: Kept, bundle: Bundle) -> None:
    """Raise `ContractError` when the latest batch is of a day that the champion has seen."""
    if seen(latest, bundle):
        last = bundle.meta.window.test_last_day
        raise ContractError(
            f"the latest predictions are of {latest.day}, but the champion was trained and tested"
            f" on days up to {last}: how good it is on such days says nothing",
            fix=f"score a day after {last}: `churn batch-score` without --as-of-date scores the"
            " last one",
        )


def entry(one: Kept, bundle: Bundle, memory: Memory, outcomes: Outcomes, params: Params) -> Entry:
    """Read or make the promise about a batch, and grade it if its labels are there.

    A batch of a model that is champion no more and was never promised anything is not promised
    anything now; neither is one of a day that the champion has seen, which is not graded either.
    """
    if seen(one, bundle):
        return Entry(one.day, one.version, one.users(), None, None)
    path = promise_path(params, one)
    said = read_promise(path)
    if said is None and one.version == bundle.version:
        batch = one.read()
        said = promise(batch, bundle, memory.on(batch), params)
        write_promise(said, batch, path)
    grade = outcomes.grade(one)
    found = None if grade is None else graded(grade, said)
    return Entry(one.day, one.version, one.users(), said, found)


def graded(grade: Grade, said: Promise | None) -> dict[str, Any]:
    """What a batch has come to, beside what was promised about it."""
    body: dict[str, Any] = {"users": grade.users, "unlabelled": grade.unlabelled}
    for name, value in grade.metrics.items():
        promised = said.estimated.get(name) if said else None
        body[name] = {
            "value": value,
            "estimated": promised.value if promised else None,
            "low": promised.low if promised else None,
            "high": promised.high if promised else None,
            "kept": promised.holds(value) if promised else None,
        }
    return body


def summed_up(
    entries: Sequence[Entry],
    latest: Kept,
    bundle: Bundle,
    window_days: int,
    without: Collection[date] = (),
) -> dict[str, Any]:
    """The content of performance_latest.json.

    Lists of the days `without`, which bad days have spoiled, stand in the history and count
    nowhere: what came of them says nothing about the model.

    Raises
    ------
    ContractError
        The latest batch is of another model than the champion, and nothing was promised about it.
    """
    now = next(e for e in entries if (e.day, e.version) == (latest.day, latest.version))
    if now.promise is None:
        raise ContractError(
            f"the latest predictions are of the model {now.version}, the champion is"
            f" {bundle.version}",
            fix="score with the champion: `dvc repro batch_score`",
        )
    sound = [one for one in entries if one.day not in without]
    newest, promises = _newest(sound, latest.version), counts(sound)
    return {
        "as_of_date": now.day.isoformat(),
        "model_version": now.version,
        "confidence": now.promise.confidence,
        "estimated": _estimated(now),
        "realised": _head(newest) | (newest.realised or {}) if newest else None,
        "floors": dict(now.promise.floors),
        "realised_floors": dict(newest.promise.floors) if newest and newest.promise else None,
        "status": status(now, newest, promises, window_days),
        "window_days": window_days,
        "promises": promises,
        "history": [
            _head(e) | {"users": e.users, "estimated": _estimated(e), "realised": e.realised}
            for e in entries
        ],
    }


def _newest(entries: Sequence[Entry], version: str) -> Entry | None:
    """The newest graded batch that something was promised about; of one day, this model's.

    Without a promise nobody knows whether the model had seen the day.
    """
    done = [e for e in entries if e.promise and e.realised is not None and e.realised["users"]]
    return max(done, key=lambda e: (e.day, e.version == version), default=None)


def _head(one: Entry) -> dict[str, Any]:
    return {"as_of_date": one.day.isoformat(), "model_version": one.version}


def _estimated(one: Entry) -> dict[str, Any] | None:
    if one.promise is None:
        return None
    return {name: value.as_dict() for name, value in one.promise.estimated.items()}


def status(
    now: Entry, newest: Entry | None, promises: Mapping[str, Mapping[str, int]], window_days: int
) -> str:
    """FAIL when the newest graded batch fell below its floor, and further than chance explains.

    A list of few users falls below a floor by bad luck, too; how far luck reaches is what the
    promised interval says. WARN when the estimate of the latest batch is below its floor, or when
    the promises of a metric have been broken for more than a horizon.
    """
    if newest is not None and newest.realised is not None and newest.promise is not None:
        found, least = newest.realised, newest.promise.floors
        if any(has_fallen(found[n], least[n]) for n in RANKING):
            return FAIL
    if now.promise is not None:
        said, least = now.promise.estimated, now.promise.floors
        if any(below(said[n].value, least[n]) for n in RANKING):
            return WARN
    return WARN if any(promises[n]["below_days"] > window_days for n in RANKING) else OK


def has_fallen(graded: Mapping[str, float | None], floor: float | None) -> bool:
    """Whether a metric came to less than its floor and than was promised, at the least."""
    return below(graded["value"], floor) and below(graded["value"], graded["low"])


def below(value: float | None, bound: float | None) -> bool:
    """Whether both are known and the value is the smaller one."""
    return value is not None and bound is not None and value < bound


def counts(entries: Sequence[Entry]) -> dict[str, dict[str, int]]:
    """How many promises were graded, how many of them kept, and the state of the newest, by metric.

    ``below_days`` is how many days the newest graded batches span that came to less than their
    interval, one after the other, both ends included; 0 when the newest did not. Batches of
    neighbouring days share users and labels and break together; their number says little. When
    they span more than a horizon, the first and the last share no day of anybody's label.
    """
    none = {"batches": 0, "kept": 0, "below_days": 0}
    found = {name: dict(none) for name in RANKING}
    since: dict[str, date] = {}
    for one in entries:
        for name, value in (one.realised or {}).items():
            if isinstance(value, dict) and value["kept"] is not None:
                count = found.setdefault(name, dict(none))
                count["batches"] += 1
                count["kept"] += value["kept"]
                if below(value["value"], value["low"]):
                    first = since.setdefault(name, one.day)
                    count["below_days"] = (one.day - first).days + 1
                else:
                    since.pop(name, None)
                    count["below_days"] = 0
    return found


def as_csv(entries: Sequence[Entry]) -> str:
    """One line per batch and metric, for plots."""
    lines = ["day,version,metric,estimated,low,high,realised"]
    for one in entries:
        estimated = _estimated(one) or {}
        realised = {n: v for n, v in (one.realised or {}).items() if isinstance(v, dict)}
        for name in sorted({*estimated, *realised}):
            said = estimated.get(name, {})
            cells = [said.get("value"), said.get("low"), said.get("high")]
            cells.append(realised.get(name, {}).get("value"))
            shown = ["" if cell is None else f"{cell:.6g}" for cell in cells]
            lines.append(",".join([one.day.isoformat(), one.version, name, *shown]))
    return "\n".join(lines) + "\n"
