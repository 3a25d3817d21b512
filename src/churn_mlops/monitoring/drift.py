"""`churn drift-check`: does a day still look like the days on which the champion proved itself?

Architecture: `reference` and `day` are binned alike, `moved` compares their columns, `joint` all of
them together, `structure` looks for faults of whoever delivers the data; `report` ranks and tells.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Literal

from churn_mlops import engine
from churn_mlops.data.bad_days import clouded, read_bad_days
from churn_mlops.data.checks import muted
from churn_mlops.files import write_json
from churn_mlops.monitoring import structure
from churn_mlops.monitoring.day import Day, history_of, open_features, read_day
from churn_mlops.monitoring.early import early
from churn_mlops.monitoring.findings import JOINT, MOVED, RISK_MOVED, Finding
from churn_mlops.monitoring.joint import Joint, joint_shift
from churn_mlops.monitoring.moved import Moved, compare, graded
from churn_mlops.monitoring.quarantine import quarantine_day
from churn_mlops.monitoring.reference import RISK, Like, Reference, reference_for
from churn_mlops.monitoring.report import Report
from churn_mlops.monitoring.reports import reports_folder
from churn_mlops.monitoring.totals import known_totals
from churn_mlops.params import DriftCheck, Params
from churn_mlops.registry.champion import load_champion
from churn_mlops.summary import Summary


def run(params: Params, as_of_date: date | None = None) -> Summary:
    """Check a day; write ``artifacts/monitoring/drift/DATE.json`` and ``drift_latest.json``.

    The latter is that of the last day of the data: looking back hides nothing. A fault of whoever
    delivers the data also marks the day as one that is not to be learned from.

    Parameters
    ----------
    params : Params
    as_of_date : date, optional
        The last day of the data by default.

    Raises
    ------
    BundleError
        There is no sound champion.
    ContractError
        There is no user_features_daily, or an earlier report or the bad days are damaged.
    NotEnoughDataError
        The day is not in the data or has nobody eligible.
    """
    quiet = muted(params)
    bundle = load_champion(params)
    reference = reference_for(bundle)
    with engine.connect(params) as con:
        totals = known_totals(con, bundle.meta, params)
        history = history_of(totals, as_of_date or params.scoring.as_of_date)
        table = open_features(con, bundle.meta, params, since=history.days[-1])
        lost = structure.gone(bundle.meta.feature_names, table.columns)
        day = read_day(con, table, history, bundle, reference, params)
        marked = read_bad_days(params)
        bad = frozenset(one.day for one in marked)
        first = early(con, bundle, day.day, bad, params)
    settings = params.monitoring.drift
    unlike = first.finding(settings.false_alarm_rate) if first else None
    volume = structure.volume(structure.sound(history, bad), clouded(marked, params))
    found = [*lost, *volume, *([unlike] if unlike else [])]
    report = check(reference, day, found, settings, params.training.seed, quiet)
    report = replace(report, model_version=bundle.version, early=first)
    quarantine_day(params, report)
    outputs = [reports_folder(params) / f"{day.day}.json"]
    if day.day == max(totals["as_of_date"].to_pylist()):
        outputs.append(reports_folder(params).with_name("drift_latest.json"))
    for path in outputs:
        write_json(path, report.as_json())
    facts = {
        "as_of_date": day.day.isoformat(),
        "status": report.status,
        "headline": report.headline,
        "findings": [finding.as_json() for finding in report.findings],
        "model_version": bundle.version,
    }
    return Summary("drift_check", {"users": day.users}, outputs, facts, report.lines())


def check(
    reference: Reference,
    day: Day,
    found: list[Finding],
    settings: DriftCheck,
    seed: int,
    quiet: frozenset[str] = frozenset(),
) -> Report:
    """Judge a day.

    Parameters
    ----------
    reference : Reference
    day : Day
    found : list of Finding
        What is known already: columns that are gone, volumes.
    settings : DriftCheck
    seed : int
        Of the resampling.
    quiet : frozenset of str
        Muted checks: what they find is told, but alarms nobody.
    """
    like = reference.like(day.day)
    columns = compare(reference, like, day, seed)
    joint = _joint(reference, like, day, settings, seed)
    tests = {} if joint is None else {JOINT: joint.p_value}
    columns, counts = graded(columns, tests, settings)
    risk = next((c for c in columns if c.column == RISK), None)
    columns = [c for c in columns if c.column != RISK]
    level = "OK"
    if joint is not None:
        warn, fail = counts[JOINT]
        level = "WARN" if warn and joint.roc_auc >= settings.warn_auc else "OK"
        level = "FAIL" if fail and joint.roc_auc >= settings.fail_auc else level
    findings = [*found, *_structure(reference, day)]
    findings += [f for c in columns if (f := _moved(MOVED, c)) is not None]
    if joint is not None and level in ("WARN", "FAIL"):
        findings.append(Finding(JOINT, "FAIL" if level == "FAIL" else "WARN",
                                joint.columns[0], joint.words()))  # fmt: skip
    if risk is not None and (finding := _moved(RISK_MOVED, risk)) is not None:
        findings.append(finding)
    return Report(
        day=day,
        reference=reference,
        like=like,
        columns=columns,
        risk=risk,
        joint=joint,
        joint_level=level,
        all_findings=findings,
        muted=quiet,
    )


def _joint(
    reference: Reference, like: list[Like], day: Day, settings: DriftCheck, seed: int
) -> Joint | None:
    names = [n for n in day.sample if n != RISK and n not in settings.moves_by_itself]
    if not names or day.users < structure.MINIMUM_ROWS:
        return None
    now = {name: day.sample[name] for name in names}
    chosen = [group.one_row_each(reference.users, seed) for group in like]
    tried = (
        joint_shift({name: reference.values[name][rows] for name in names}, now, seed)
        for rows in chosen
    )
    return min(tried, key=lambda joint: joint.roc_auc)


def _structure(reference: Reference, day: Day) -> list[Finding]:
    found = []
    for name, now in day.sample.items():
        before = reference.values[name]
        if name != RISK:
            found += [
                structure.constant(name, before, reference.day, now),
                structure.unit_change(name, before, now),
            ]
    return [finding for finding in found if finding is not None]


def _moved(number: str, column: Moved) -> Finding | None:
    if column.level not in ("WARN", "FAIL"):
        return None
    level: Literal["WARN", "FAIL"] = "FAIL" if column.level == "FAIL" else "WARN"
    return Finding(number, level, column.column, f"{column.text}, PSI {column.psi:.2f}")
