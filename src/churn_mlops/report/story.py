"""Sections about the data, the meaning of churn, the decision, the checks and the users."""

from __future__ import annotations

from markupsafe import Markup

from churn_mlops.report import strips, words
from churn_mlops.report.inputs import Inputs
from churn_mlops.report.meaning import left, rules
from churn_mlops.report.metrics import metric
from churn_mlops.report.section import Section
from churn_mlops.report.shapes import Promotion
from churn_mlops.report.subject import Subject
from churn_mlops.report.timeline import timeline, to_scale
from churn_mlops.report.words import family

DECISIONS = {
    "promoted": ("✓", "promoted", "The challenger became the champion"),
    "refused": ("✗", "refused", "The challenger was refused; the champion stays"),
    "unchanged": ("=", "unchanged", "The challenger is the champion already; nothing changed"),
    "dry_run": ("○", "dry run", "The gate decided for the record only; nothing changed"),
    "disabled": ("○", "disabled", "The gate is switched off; nothing was decided"),
}
STATUSES = {
    "passed": ("✓", "passed", "good"),
    "warning": ("!", "warning", "bad"),
    "not_applicable": ("○", "not applicable", "none"),
}


def data(inputs: Inputs) -> Section:
    """Rows per table and what was set aside."""
    title, report = "Data", inputs.validation
    if report is None or not report.tables:
        return Section("data", title, "There is no report of the data checks.")
    rows = sum(table.rows_in for table in report.tables.values())
    bad = sum(table.rows_quarantined for table in report.tables.values())
    first, last = (report.calendar.get(name) for name in ("first_day", "last_day"))
    span = f", from {words.day(first)} to {words.day(last)}" if first and last else ""
    aside = (
        f"{words.count(bad)} of them ({words.percent(bad / max(rows, 1))}) failed a check and"
        " were set aside"
        if bad
        else "all of them passed their checks"
    )
    closed = "" if report.status == "passed" else " The data did not pass the gate."
    lead = f"{words.count(rows)} rows were read{span}; {aside}.{closed}"
    tables = [
        {
            "name": name,
            "rows_in": words.count(table.rows_in),
            "rows_ok": words.count(table.rows_ok),
            "aside": words.count(table.rows_quarantined),
            "share": words.percent(table.quarantine_share),
            "checks": ", ".join(f"{n} × {words.count(c)}" for n, c in table.checks.items()),
        }
        for name, table in report.tables.items()
    ]
    return Section("data", title, lead, {"tables": tables})


def meaning(inputs: Inputs, about: Subject) -> Section:
    """What counts as churn, and the split."""
    churn = inputs.champion.meta.label if inputs.champion else inputs.params.churn
    split = about.model.split
    parts: dict[str, object] = {"rules": rules(churn), "timeline": None}
    if split is not None:
        parts["timeline"] = timeline(split)
        parts["to_scale"] = to_scale(split)
        parts["split"] = (
            f"Trained on {words.days(split.train_days)}, tested on the"
            f" {words.days(split.test_days)} after an embargo of"
            f" {words.days(split.embargo_days)}, so that no training label looks into the test."
        )
    else:
        parts["split"] = "The evaluation does not tell the days of training and test."
    return Section("meaning", "What churn means", left(churn), parts)


def promotion(inputs: Inputs) -> Section:
    """The gate's decision, rule by rule."""
    title, found = "Promotion decision", inputs.promotion
    if found is None:
        return Section("promotion", title, "No promotion has been decided.")
    challenger = found.challenger
    parts = {
        "decision": decision(found),
        "reason": words.capital(found.reason),
        "challenger": f"{challenger.name or 'challenger'}, {family(challenger.family)}"
        if challenger
        else words.NONE,
        "challenger_version": challenger.version if challenger else "",
        "against": _against(found),
        "against_version": found.champion.version if found.champion else "",
        "rows": _rows(found),
        "strip": _difference(found),
        "rules": found.rules,
    }
    applied = [rule.passed for rule in found.rules if rule.passed is not None]
    counted = f": {sum(applied)} of {words.some(len(applied), 'rule')} passed" if applied else ""
    _, _, sentence = DECISIONS.get(found.decision, ("", "", words.capital(found.decision)))
    return Section("promotion", title, f"{sentence}{counted}.", parts)


def decision(found: Promotion) -> tuple[str, str]:
    """Sign and word of the decision."""
    sign, word, _ = DECISIONS.get(found.decision, ("", found.decision, ""))
    return sign, word


def _against(found: Promotion) -> str:
    if found.champion is not None and found.against in (None, "champion"):
        return f"champion, {family(found.champion.family)}"
    return f"the rule “{found.against}”" if found.against else words.NONE


def _rows(found: Promotion) -> str:
    if found.rows is None:
        return ""
    users = f" of {words.some(found.users, 'user')}" if found.users is not None else ""
    span = (
        f", {words.day(found.first_day)} to {words.day(found.last_day)}"
        if found.first_day and found.last_day
        else ""
    )
    return f"{words.count(found.rows)} rows{users}{span}"


def _difference(found: Promotion) -> dict[str, object] | None:
    value, low, high = found.difference, found.low, found.high
    if value is None or low is None or high is None:
        return None
    low_end, high_end = min(low, 0.0), max(high, 0.0)
    air = 0.12 * (high_end - low_end) or 0.01
    ends = (low_end - air, high_end + air)
    text = (
        f"{words.signed(value)} in {metric(found.metric).name}"
        f" ({words.percent(found.confidence)} interval {words.signed(low)} to {words.signed(high)})"
    )
    strip: Markup = strips.dots(*ends, f"Difference: {text}", value, (low, high), 0.0)
    return {
        "text": text,
        "svg": strip,
        "axis": strips.axis(*ends, lambda v: words.signed(v) if v else "0", 6),
    }


def checks(about: Subject) -> Section:
    """The checks for knowledge of the future."""
    title, found = "Leakage checks", about.model.checks
    if not found:
        return Section("checks", title, "The evaluation holds no checks for leakage.")
    warnings = sum(check.status == "warning" for check in found)
    passed = sum(check.status == "passed" for check in found)
    total = words.some(len(found), "check")
    lead = (
        f"{warnings} of {total} for knowledge of the future raised a warning."
        if warnings
        else f"Nothing suggests that the model knew the future: {passed} of {total} passed"
        f"{', the others do not apply' if passed < len(found) else ''}."
    )
    rows = [(check, *STATUSES.get(check.status, ("?", check.status, "none"))) for check in found]
    return Section("checks", title, lead, {"checks": rows})


def users(inputs: Inputs) -> Section:
    """The head of the latest list."""
    title, found = "Users most at risk", inputs.users
    if found is None:
        return Section("users", title, "No day has been scored yet.")
    if not found:
        return Section("users", title, "Nobody was eligible on the scored day.")
    most = found[0]
    lead = (
        f"The {len(found)} users most at risk on {words.day(most.as_of_date)}; the first of them"
        f" leaves with a probability of {words.percent(most.churn_risk)}."
        if len(found) > 1
        else f"One user was scored on {words.day(most.as_of_date)}."
    )
    rows = [
        {
            "rank": words.count(user.risk_rank),
            "id": str(user.user_id),
            "risk": words.percent(user.churn_risk),
            "bar": strips.bar(user.churn_risk, f"risk {words.percent(user.churn_risk)}"),
            "reasons": user.reasons,
        }
        for user in found
    ]
    return Section("users", title, lead, {"users": rows, "model": most.model_version})
