"""How good the lists are: promised on their day, graded when their horizon has passed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from churn_mlops.data.calendar import read_calendar
from churn_mlops.errors import ContractError
from churn_mlops.files import write_text
from churn_mlops.inference.kept import Batch, Kept, keep_latest, kept
from churn_mlops.monitoring.past import Memory
from churn_mlops.monitoring.promise import (
    Promise,
    promise,
    promise_path,
    read_promise,
    write_promise,
)
from churn_mlops.monitoring.realised import Labels, Outcome, open_labels
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.registry.bundle import Bundle
from churn_mlops.registry.champion import load_champion
from churn_mlops.summary import Summary

RANKING = ("pr_auc", "roc_auc")
OK, WARN, FAIL = "OK", "WARN", "FAIL"
# So many graded batches in a row below their intervals are no bad luck: the relation between what
# users do and whether they leave has changed, however far above the floors.
BROKEN_IN_A_ROW = 5


@dataclass(frozen=True)
class Entry:
    """A kept batch, what was promised about it, and how it turned out, as far as that is known."""

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
        Nothing has been scored, a file is damaged, or labels are missing.
    BundleError
        There is no sound champion.
    """
    latest, bundle = keep_latest(params), load_champion(params)
    batches = kept(params)
    last_day = read_calendar(params).last_day
    with (
        open_labels(params, last_day) as labels,
        steps("performance", len(batches)) as step,
    ):
        memory = Memory(bundle, batches, lambda batch: _outcome(batch, labels))
        entries = []
        for one in batches:
            entries.append(entry(one, bundle, memory, labels, params))
            step(f"{one.day} {one.version}")
    body = summed_up(entries, latest, bundle)
    folder = Path(params.paths.artifacts) / "monitoring"
    outputs = [folder / "performance_latest.json", folder / "performance.csv"]
    write_text(outputs[0], json.dumps(body, indent=2, allow_nan=False) + "\n")
    write_text(outputs[1], as_csv(entries))
    graded = sum(e.realised is not None for e in entries)
    facts = {"as_of_date": body["as_of_date"], "status": body["status"]}
    for name, value in body["estimated"].items():
        facts[name] = f"{value['value']} ({value['low']} to {value['high']})"
    for name, count in body["promises"].items():
        if count["batches"]:
            facts[f"{name} promises kept"] = f"{count['kept']} of {count['batches']}"
    return Summary("performance", {"batches": len(entries), "graded": graded}, outputs, facts)


def entry(one: Kept, bundle: Bundle, memory: Memory, labels: Labels, params: Params) -> Entry:
    """Read or make the promise about a batch, and grade it if its labels are there.

    A batch of a model that is champion no more and was never promised anything is not promised
    anything now.
    """
    batch = one.read()
    path = promise_path(params, one)
    said = read_promise(path)
    if said is None and batch.version == bundle.version:
        said = promise(batch, bundle, memory.on(batch), params)
        write_promise(said, batch, path)
    outcome = _outcome(batch, labels)
    found = None if outcome is None else graded(outcome, said, params)
    return Entry(batch.day, batch.version, len(batch), said, found)


def _outcome(batch: Batch, labels: Labels) -> Outcome | None:
    return labels.of(batch) if labels.are_there(batch) else None


def graded(outcome: Outcome, said: Promise | None, params: Params) -> dict[str, Any]:
    """What a batch has come to, beside what was promised about it."""
    body: dict[str, Any] = {"users": len(outcome), "unlabelled": outcome.unlabelled}
    for name, value in outcome.metrics(params.scoring.value).items():
        promised = said.estimated.get(name) if said else None
        body[name] = {
            "value": value,
            "estimated": promised.value if promised else None,
            "low": promised.low if promised else None,
            "high": promised.high if promised else None,
            "kept": promised.holds(value) if promised else None,
        }
    return body


def summed_up(entries: Sequence[Entry], latest: Kept, bundle: Bundle) -> dict[str, Any]:
    """The content of performance_latest.json.

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
    newest, promises = _newest(entries, latest.version), counts(entries)
    return {
        "as_of_date": now.day.isoformat(),
        "model_version": now.version,
        "confidence": now.promise.confidence,
        "estimated": _estimated(now),
        "realised": _head(newest) | (newest.realised or {}) if newest else None,
        "floors": dict(now.promise.floors),
        "realised_floors": dict(newest.promise.floors) if newest and newest.promise else None,
        "status": status(now, newest, promises),
        "promises": promises,
        "history": [
            _head(e) | {"users": e.users, "estimated": _estimated(e), "realised": e.realised}
            for e in entries
        ],
    }


def _newest(entries: Sequence[Entry], version: str) -> Entry | None:
    """The newest graded batch; of one day, the one of this model."""
    done = [e for e in entries if e.realised is not None and e.realised["users"]]
    return max(done, key=lambda e: (e.day, e.version == version), default=None)


def _head(one: Entry) -> dict[str, Any]:
    return {"as_of_date": one.day.isoformat(), "model_version": one.version}


def _estimated(one: Entry) -> dict[str, Any] | None:
    if one.promise is None:
        return None
    return {name: value.as_dict() for name, value in one.promise.estimated.items()}


def status(now: Entry, newest: Entry | None, promises: Mapping[str, Mapping[str, int]]) -> str:
    """FAIL when the newest graded batch fell below its floor.

    WARN when the estimate of the latest one does, or `BROKEN_IN_A_ROW` promises of a metric broke.
    """
    if newest is not None and newest.realised is not None and newest.promise is not None:
        values = {name: newest.realised[name]["value"] for name in RANKING}
        if _below(values, newest.promise.floors):
            return FAIL
    if now.promise is not None:
        values = {name: now.promise.estimated[name].value for name in RANKING}
        if _below(values, now.promise.floors):
            return WARN
    return WARN if any(promises[n]["below"] >= BROKEN_IN_A_ROW for n in RANKING) else OK


def _below(values: Mapping[str, float | None], least: Mapping[str, float]) -> bool:
    return any(v is not None and v < least[name] for name, v in values.items())


def counts(entries: Sequence[Entry]) -> dict[str, dict[str, int]]:
    """How many promises were graded, how many of them kept, and the state of the newest, by metric.

    ``below`` counts the newest graded batches in a row that came to less than their interval.
    """
    none = {"batches": 0, "kept": 0, "below": 0}
    found = {name: dict(none) for name in RANKING}
    for one in entries:
        for name, value in (one.realised or {}).items():
            if isinstance(value, dict) and value["kept"] is not None:
                count = found.setdefault(name, dict(none))
                count["batches"] += 1
                count["kept"] += value["kept"]
                broken = not value["kept"] and value["value"] < value["low"]
                count["below"] = count["below"] + 1 if broken else 0
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
