"""Every metric that batch jobs publish, and a board that holds the values of one publication."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any


@dataclass(frozen=True)
class Gauge:
    """A metric: its name, what it says, and its labels."""

    name: str
    about: str
    labels: tuple[str, ...] = ()


LAST_SUCCESS = "churn_stage_last_success_timestamp_seconds"
ROWS = "churn_stage_rows"

STAGE = (
    Gauge(LAST_SUCCESS, "When the command last did its work.", ("stage",)),
    Gauge(
        "churn_stage_last_run_timestamp_seconds",
        "When the command last ended, well or not.",
        ("stage",),
    ),
    Gauge(
        "churn_stage_exit_code",
        "Exit code of the last run; docs/cli.md lists them.",
        ("stage",),
    ),
    Gauge("churn_stage_duration_seconds", "How long the last run took.", ("stage",)),
    Gauge(ROWS, "Rows by table in the last run that did its work.", ("stage", "table")),
)
STATE = (
    Gauge(
        "churn_data_last_day_timestamp_seconds",
        "End of the last day of the event log, as validate_data found it.",
    ),
    Gauge(
        "churn_validation_rows",
        "Rows that came into the gate, passed it, and were set aside.",
        ("table", "outcome"),
    ),
    Gauge(
        "churn_validation_quarantined_ratio",
        "Share of a table's rows that was set aside.",
        ("table",),
    ),
    Gauge("churn_drift_status", "Verdict of the drift check: 0 OK, 1 WARN, 2 FAIL."),
    Gauge("churn_drift_checked_day_timestamp_seconds", "End of the day that was checked."),
    Gauge("churn_drift_users", "Users of the day that was checked."),
    Gauge(
        "churn_drift_psi",
        "Population stability index of a column against the reference; the first"
        " monitoring.drift.top columns.",
        ("column",),
    ),
    Gauge("churn_drift_risk_psi", "The same of the risks."),
    Gauge(
        "churn_drift_joint_roc_auc",
        "How well a classifier tells the day from the reference; 0.5: not at all.",
    ),
    Gauge("churn_drift_findings", "Findings of the drift check.", ("check", "level")),
    Gauge("churn_batch_day_timestamp_seconds", "End of the day that was scored last."),
    Gauge("churn_batch_users", "Users scored."),
    Gauge("churn_batch_contacts", "Users on the contact list."),
    Gauge("churn_batch_risk_mean", "Mean risk."),
    Gauge("churn_batch_risk_quantile", "Quantiles of the risks.", ("quantile",)),
    Gauge(
        "churn_batch_high_risk_ratio",
        "Share of users whose risk is at least monitoring.score_proxy.high_risk.",
    ),
    Gauge("churn_batch_risk_psi", "PSI of the risks against the batches before."),
    Gauge(
        "churn_batch_status",
        "Verdict on the risks against the batches before: 0 OK, 1 WARN, 2 FAIL.",
    ),
    Gauge(
        "churn_performance_estimated",
        "Performance of the latest batch, estimated before its labels are known; bound is value,"
        " low or high.",
        ("metric", "bound"),
    ),
    Gauge(
        "churn_performance_realised",
        "Performance of the newest batch whose labels are known.",
        ("metric",),
    ),
    Gauge("churn_performance_floor", "Below this, the estimate alarms.", ("metric",)),
    Gauge(
        "churn_performance_realised_floor",
        "Below this and below its interval, the realised performance alarms: the floor of that"
        " batch's own model.",
        ("metric",),
    ),
    Gauge(
        "churn_performance_realised_low",
        "Low end of the interval that was promised about that batch.",
        ("metric",),
    ),
    Gauge(
        "churn_performance_promises_kept_ratio",
        "Share of batches whose realised performance lay in the estimated interval.",
        ("metric",),
    ),
    Gauge(
        "churn_performance_promises_broken_days",
        "Days that the newest batches in a row span whose realised performance lay below the"
        " estimated interval.",
        ("metric",),
    ),
    Gauge(
        "churn_performance_promises_broken_limit_days",
        "Beyond this, broken promises alarm: churn.window_days.",
    ),
    Gauge(
        "churn_performance_estimated_day_timestamp_seconds",
        "End of the day that the estimate is of.",
    ),
    Gauge(
        "churn_performance_realised_day_timestamp_seconds",
        "End of the day that the realised performance is of.",
    ),
    Gauge("churn_champion_info", "1; its labels name the champion.", ("model_version", "family")),
    Gauge(
        "churn_champion_trained_until_timestamp_seconds",
        "End of the champion's last training day.",
    ),
    Gauge(
        "churn_champion_promoted_timestamp_seconds",
        "When the gate promoted the champion, by the ledger.",
    ),
    Gauge(
        "churn_retrain_decision",
        "What `churn retrain` decided last: 0 no reason to train, 1 a reason waits, 2 trained.",
    ),
    Gauge(
        "churn_retrain_decided_day_timestamp_seconds",
        "End of the last day of the data when it decided.",
    ),
    Gauge(
        "churn_retrain_blocked",
        "1 for each precondition that a reason to train waits for, 0 for the others.",
        ("check",),
    ),
    Gauge("churn_retrain_waiting_days", "Days of data for which a reason to train has waited."),
    Gauge(
        "churn_promotion_last_decision_timestamp_seconds",
        "When the ledger last noted such a decision.",
        ("decision",),
    ),
)


class Board:
    """The values of one group of metrics, published together.

    Parameters
    ----------
    gauges : sequence of Gauge
        What may be on it.

    Attributes
    ----------
    registry : CollectorRegistry
        Holds a metric only when it has a value.
    problems : list of str
        What could not be put on the board, and why.
    series : int
        How many values there are.
    """

    def __init__(self, gauges: Sequence[Gauge]) -> None:
        from prometheus_client import CollectorRegistry

        self.registry = CollectorRegistry()
        self.problems: list[str] = []
        self.series = 0
        self._known = {gauge.name: gauge for gauge in gauges}
        self._made: dict[str, Any] = {}

    def set(self, name: str, value: float | None, **labels: str) -> None:
        """Put a value on the board; None is no value, and NaN or infinity is a problem."""
        gauge = self._known[name]
        if value is None:
            return
        if not isfinite(value):
            shown = ", ".join(f"{key}={text!r}" for key, text in labels.items())
            self.problems.append(f"{name}{{{shown}}} is left out: its value is {value}")
            return
        ordered = [labels[label] for label in gauge.labels]
        made = self._made.get(name)
        if made is None:
            from prometheus_client import Gauge as Exposed

            made = Exposed(name, gauge.about, gauge.labels, registry=self.registry)
            self._made[name] = made
        (made.labels(*ordered) if ordered else made).set(value)
        self.series += 1
