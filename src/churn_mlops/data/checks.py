"""The numbered checks of the gate: the one place that names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from churn_mlops.errors import ParamsError
from churn_mlops.params import Params
from churn_mlops.params.rules import nearest


@dataclass(frozen=True)
class Check:
    """One check: a structural fault closes the gate, a row fault sets the row aside.

    Checks of the kind ``leakage`` look at features and training rows instead of raw ones.

    A check that `can_mute` may be listed in ``validation.muted``: it is counted then, and the
    row passes. The others guard what later stages cannot do without.
    """

    number: str
    name: str
    tables: str
    kind: Literal["structure", "row", "leakage", "upstream", "drift", "retrain"]
    meaning: str
    remedy: str
    can_mute: bool = False


CHECKS = (
    Check("CHN101", "unreadable file", "all", "structure",
          "the file cannot be read as CSV or Parquet: cut off, another delimiter, a broken quote",
          "look at the line that the message names; export the file again"),
    Check("CHN102", "duplicate header", "all", "structure",
          "two columns have the same name", "rename one of them in the source"),
    Check("CHN103", "missing column", "all", "structure",
          "a column of the contract is not there",
          "map it in `data.columns`, or take it out of `features.static` or `data.measures`"),
    Check("CHN104", "empty table", "all", "structure",
          "there is no row", "check the source's path or query"),
    Check("CHN105", "leading zeros", "all", "structure",
          "ids such as 007 would lose their zeros as integers",
          "set `data.user_id` or `data.event_id` to `text`"),
    Check("CHN106", "wrong type", "all", "structure",
          "no value of the column can be read as its type",
          "map the right column, or set `data.user_id` or `data.event_id` to `text`"),
    Check("CHN107", "another type than before", "all", "structure",
          "new rows come in a type whose values the held one would change: 2.5 among integers",
          "let the source give the type it gave before, or read it anew as a whole:"
          " `churn generate-data --anew`"),
    Check("CHN110", "missing key", "all", "row",
          "an id, time, day or type that every row needs is empty", "mend it in the source"),
    Check("CHN111", "broken encoding", "all", "row",
          "text holds U+FFFD, the mark of bytes that are not UTF-8",
          "export the source as UTF-8", can_mute=True),
    Check("CHN112", "unreadable value", "all", "row",
          "a number or time cannot be read; times are ISO 8601, so 31/01/2025 is not one",
          "convert it in the source"),
    Check("CHN113", "duplicate id", "users, events", "row",
          "the id was seen before; the first good row, by time and then all columns, stays",
          "make ids unique, or deliver each row once"),
    Check("CHN120", "unknown user", "events, subscriptions", "row",
          "the user is not in users, or is in quarantine", "deliver the user too"),
    Check("CHN121", "event before sign-up", "events", "row",
          "the event's day lies before the user's sign-up", "mend either", can_mute=True),
    Check("CHN122", "future date", "all", "row",
          "the day lies after the last complete one (`data.end_date`, else today)",
          "mend the clock or the time zone"),
    Check("CHN123", "impossible value", "events", "row",
          "a measure lies outside its `min` and `max` in `data.measures`, or is no finite number",
          "mend the unit or the bounds", can_mute=True),
    Check("CHN124", "unknown event type", "events", "row",
          "the type is not in `data.event_types`", "add it there, or mend the source",
          can_mute=True),
    Check("CHN125", "required value missing", "events", "row",
          "the event lacks the measure that `validation.required` asks of its type",
          "deliver it, or take it out of `validation.required`", can_mute=True),
    Check("CHN130", "end before start", "subscriptions", "row",
          "the period ends before it begins", "mend it in the source"),
)  # fmt: skip

GATE = frozenset(check.number for check in CHECKS)
"""Numbers of the checks of raw data."""

LEAKAGE_CHECKS = (
    Check("CHN301", "label inside the test days", "training_dataset", "leakage",
          "a training label is decided on a test day", "report it: the split rules it out"),
    Check("CHN302", "feature knows the future", "user_features_daily", "leakage",
          "for 50 users everything after a day is shuffled, and a feature of that day or before"
          " changes", "compute the feature from rows up to as_of_date only", can_mute=True),
    Check("CHN303", "one feature separates", "training_dataset", "leakage",
          "one number alone tells the classes apart (ROC-AUC 0.995 or more)",
          "take it out: it most likely was written after the fact", can_mute=True),
    Check("CHN304", "identifier as a feature", "training_dataset", "leakage",
          "a feature known at sign-up has a value of its own for more than half of the users",
          "take it out of `features.static`, or make it coarser", can_mute=True),
    Check("CHN305", "user overlap", "training_dataset", "leakage",
          "never fails: tells how many test users were trained on at earlier days", ""),
)  # fmt: skip

DRIFT_CHECKS = (
    Check("CHN401", "column gone", "user_features_daily", "upstream",
          "a feature of the champion is not in the table, or of another type (text, number)",
          "bring it back; if it was taken out on purpose, train again", can_mute=True),
    Check("CHN402", "column constant", "user_features_daily", "upstream",
          "a feature that had several values has one for everybody, or none, and not by chance",
          "ask whoever delivers it", can_mute=True),
    Check("CHN403", "event type vanished", "user_features_daily", "upstream",
          "no event of a kind that has ten or more on such days, none of which was without in the"
          " last 92",
          "look at the tracking of this event", can_mute=True),
    Check("CHN404", "volume", "user_features_daily", "upstream",
          "less than half the events of a kind on any such day of the last 92 that is not marked"
          " as bad; or far fewer users to score than usual (WARN: three quarters, FAIL: three"
          " fifths of them) or more (WARN: four thirds)",
          "look for a partial delivery", can_mute=True),
    Check("CHN405", "unit change", "user_features_daily", "upstream",
          "all quantiles of a number have moved by the same factor of 24, 60, 100, 1000 or 3600",
          "mend the unit in the source", can_mute=True),
    Check("CHN406", "activity does not follow the risk", "user_daily", "upstream",
          "whom the champion gave a high risk yesterday is as active today as the others: the"
          " ROC-AUC has lost more than half of its usual distance from 0.5, beyond chance",
          "look for user ids that were mixed up, or events of one user that stand at another's",
          can_mute=True),
    Check("CHN411", "column moved", "user_features_daily", "drift",
          "a feature's PSI against the reference is large and beyond chance",
          "find out what changed; the model may need the new days", can_mute=True),
    Check("CHN412", "risk moved", "user_features_daily", "drift",
          "the same for the predicted risk", "as CHN411; after a promotion, look at the new model",
          can_mute=True),
    Check("CHN413", "columns together", "user_features_daily", "drift",
          "a classifier tells the day's users from the reference's",
          "look at the columns that it names together", can_mute=True),
)  # fmt: skip

RETRAIN_CHECKS = (
    Check("CHN501", "latest day not validated", "all", "retrain",
          "the last day failed validation, or has not been validated",
          "mend the delivery and validate again"),
    Check("CHN502", "fault of a delivery", "user_features_daily", "retrain",
          "the latest drift check found a fault of whoever delivers the data, or what moved or fell"
          " looks back on such a day",
          "mend the feed; there is nothing to learn from such a day"),
    Check("CHN503", "too few new labels", "labels_daily", "retrain",
          "fewer than `monitoring.retrain.min_label_days` mature days that the champion was not"
          " tested on", "wait"),
    Check("CHN504", "cooldown", "", "retrain",
          "the last training, or that a champion was taken back, is less than"
          " `monitoring.retrain.cooldown_days` old", "wait"),
    Check("CHN505", "budget", "", "retrain",
          "`monitoring.retrain.max_per_month` trainings in 30 days already",
          "find out why training does not help"),
    Check("CHN506", "nothing to learn yet", "labels_daily", "retrain",
          "drift is the only reason, and no mature day lies after it began",
          "wait until the day that it names"),
    Check("CHN507", "probation", "", "retrain",
          "the champion before is still scored along with the present one", "wait"),
    Check("CHN508", "after a lost probation", "labels_daily", "retrain",
          "the last new champion lost its probation, and fewer than min_label_days days since it"
          " came are mature: the same model would be trained again", "wait"),
)  # fmt: skip

BY_NUMBER = {
    check.number: check for check in (*CHECKS, *LEAKAGE_CHECKS, *DRIFT_CHECKS, *RETRAIN_CHECKS)
}


def muted(params: Params) -> frozenset[str]:
    """The muted checks.

    Raises
    ------
    ParamsError
        A number that does not exist, or a check that cannot be muted.
    """
    for number in params.validation.muted:
        check = BY_NUMBER.get(number)
        if check is None:
            raise ParamsError(
                f"validation.muted: there is no check {number}{nearest(number, BY_NUMBER)}",
                fix="docs/checks.md lists all checks",
            )
        if not check.can_mute:
            raise ParamsError(
                f"validation.muted: {number} ({check.name}) cannot be muted: later stages need"
                " what it guards",
                fix="docs/checks.md tells which checks can be muted",
            )
    return frozenset(params.validation.muted)


def as_markdown() -> str:
    """The checks as a page of documentation."""
    lines = [
        "# Checks",
        "",
        "Printed from `src/churn_mlops/data/checks.py` by `churn docs`. A *structure* fault",
        "stops `validate_data` with exit code 12. A *row* fault sends the row, as it came and with",
        "the number of its first failing check, to `data/validation/quarantine_*`; the stage fails",
        "with exit code 13 when more than `validation.max_quarantine_share` of a table's rows are",
        "there (day by day: and more than ten, docs/data.md). Muted checks",
        "(`validation.muted: [CHN121]`) are counted in",
        "`data/validation/report.json`, and their rows pass.",
        "",
        "Rows in = rows out + rows quarantined, always.",
        "",
        "| check | name | tables | kind | means | what to do | can be muted |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_row(check) for check in CHECKS]
    lines += [
        "",
        "## Leakage",
        "",
        "`build_features` (CHN302) and the training stages look for what a model may not see.",
        "A failure stops the stage with exit code 20; muted in `validation.muted`, CHN303 and",
        "CHN304 become a warning in `artifacts/evaluation/*.json` and the report, and CHN302 is",
        "left out.",
        "",
        "| check | name | tables | kind | means | what to do | can be muted |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_row(check) for check in LEAKAGE_CHECKS]
    lines += [
        "",
        "## Drift",
        "",
        "`churn drift-check` compares a day with the champion's reference days (docs/drift.md).",
        "What an *upstream* check finds is a fault of whoever delivers the data. Muted in",
        "`validation.muted`, a finding is told under `muted` in the report and alarms nobody.",
        "",
        "| check | name | tables | kind | means | what to do | can be muted |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_row(check) for check in DRIFT_CHECKS]
    lines += [
        "",
        "## Retraining",
        "",
        "What must hold before `churn retrain` trains (docs/retrain.md). Asked by hand"
        " (`--reason`),",
        "CHN503 to CHN508 only warn.",
        "",
        "| check | name | tables | kind | means | what to do | can be muted |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_row(check) for check in RETRAIN_CHECKS]
    return "\n".join(lines) + "\n"


def _row(c: Check) -> str:
    mute = "yes" if c.can_mute else ""
    return f"| {c.number} | {c.name} | {c.tables} | {c.kind} | {c.meaning} | {c.remedy} | {mute} |"
