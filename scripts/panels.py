"""What Grafana's dashboards show: every panel with its questions; `dashboards.py` builds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

OWN = 'route!~"/live|/ready|/health|/metrics"'

Query = tuple[str, str]
"""An expression and its legend."""


@dataclass(frozen=True)
class Panel:
    """A panel: what it asks, in which unit, and from where on it is yellow or red."""

    kind: str
    title: str
    about: str
    queries: Sequence[Query]
    unit: str = "short"
    yellow: float | None = None
    red: float | None = None
    low_is_bad: bool = False
    words: tuple[str, ...] = ()
    shows_name: bool = False
    anchor: str = ""


def age(metric: str, by: str = "") -> str:
    """A timestamp in the unit that Grafana shows as "2 days ago"."""
    return f"max{f' by ({by})' if by else ''} ({metric}) * 1000"


FROM_NOW = "dateTimeFromNow"
VERDICT = ("OK", "WARN", "FAIL")

SERVICE = (
    Panel(
        "number", "Instances that answer", "How many of the API's instances can be scraped.",
        [('sum(up{job="churn-api"})', "")], red=1, low_is_bad=True, anchor="churnapidown",
    ),
    Panel(
        "number", "Model that answers", "The champion as the API knows it.",
        [("max by (model_version, family) (churn_api_model_info) == 1",
          "{{model_version}} {{family}}")],
        shows_name=True, anchor="churnapinomodel",
    ),
    Panel(
        "number", "It took over", "When the model that answers was loaded.",
        [(age("churn_api_model_loaded_timestamp_seconds"), "")], FROM_NOW,
    ),
    Panel(
        "number", "Last good model serves", "1: the champion cannot be had.",
        [("max(churn_api_model_stale)", "stale")], red=1, anchor="churnmodelstale",
    ),
    Panel(
        "line", "Requests", "By route and status, probes and scrapes left out.",
        [(f"sum by (route, status) (rate(churn_api_requests_total{{{OWN}}}[5m]))",
          "{{route}} {{status}}")],
        "reqps",
    ),
    Panel(
        "line", "Server errors", "Share of the answers; the allowance is 0.1 % a month.",
        [("churn_api:errors:ratio_rate5m", "5 minutes"),
         ("churn_api:errors:ratio_rate1h", "1 hour")],
        "percentunit", 0.001, 0.0144, anchor="churnapierrorsfast",
    ),
    Panel(
        "line", "Time of an answer", "POST /predict, from the first byte to the last.",
        [
            ("churn_api:request_duration_seconds:p50", "median"),
            ("churn_api:request_duration_seconds:p99", "99 %"),
        ],
        "s", 0.05, 0.1, anchor="churnapilatencyfast",
    ),
    Panel(
        "line", "Slow answers", "Share of POST /predict beyond 0.1 s; 1 % is allowed.",
        [("churn_api:slow:ratio_rate5m", "5 minutes"), ("churn_api:slow:ratio_rate1h", "1 hour")],
        "percentunit", 0.01, 0.144, anchor="churnapilatencyfast",
    ),
    Panel(
        "line", "Under way",
        "Requests that are being answered; serving.max_concurrency a worker at most.",
        [("sum(churn_api_in_flight_requests)", "requests")],
    ),
    Panel(
        "line", "Turned away", "Refused before they were read.",
        [("sum by (reason) (rate(churn_api_turned_away_total[5m]))", "{{reason}}")], "reqps",
    ),
    Panel(
        "line", "Users scored", "By the model that did it.",
        [("sum by (model_version) (rate(churn_api_predictions_total[5m]))", "{{model_version}}")],
        "cps",
    ),
    Panel(
        "line", "Risks given", "Quantiles of the last hour's answers.",
        [
            ("histogram_quantile(0.5, sum by (le) (rate(churn_api_churn_risk_bucket[1h])))",
             "median"),
            ("histogram_quantile(0.9, sum by (le) (rate(churn_api_churn_risk_bucket[1h])))",
             "90 %"),
        ],
        "percentunit",
    ),
    Panel(
        "line", "Odd inputs", "Values a second that were imputed, out of range or unseen.",
        [
            ("sum(rate(churn_api_imputed_features_total[5m]))", "imputed"),
            ("sum(rate(churn_api_out_of_range_features_total[5m]))", "out of range"),
            ("sum(rate(churn_api_unseen_categories_total[5m]))", "unseen category"),
        ],
        "cps",
    ),
    Panel(
        "bars", "Features that are left out", "The ten most frequent of the last hour.",
        [("topk(10, sum by (feature) (increase(churn_api_imputed_features_total[1h])))",
          "{{feature}}")],
    ),
    Panel(
        "line", "Models", "Swaps and refusals in the hour before.",
        [
            ("sum(increase(churn_api_model_swaps_total[1h]))", "swapped"),
            ("sum by (reason) (increase(churn_api_model_refusals_total[1h]))",
             "refused: {{reason}}"),
            ("min(churn_api_model_source_up)", "source answers"),
        ],
        red=1, anchor="churnmodelrefused",
    ),
    Panel(
        "line", "Challenger",
        "Absolute difference of its risks to the champion's (serving.shadow_share).",
        [
            ("histogram_quantile(0.5, sum by (le) (rate(churn_api_shadow_gap_bucket[1h])))",
             "median"),
            ("histogram_quantile(0.95, sum by (le) (rate(churn_api_shadow_gap_bucket[1h])))",
             "95 %"),
        ],
        "percentunit",
    ),
)  # fmt: skip


def _performance(metric: str, title: str) -> Panel:
    chosen = f'{{metric="{metric}"}}'
    return Panel(
        "line", title,
        "Estimated on the day, with its interval; realised when the labels are known.",
        [
            (f"max by (bound) (churn_performance_estimated{chosen})", "estimated: {{bound}}"),
            (f"max(churn_performance_realised{chosen})", "realised"),
            (f"max(churn_performance_floor{chosen})", "floor"),
            (f"max(churn_performance_realised_floor{chosen})", "floor of the realised"),
        ],
        "percentunit", anchor="churnrealisedbelowfloor",
    )  # fmt: skip


MODEL = (
    Panel(
        "number", "Champion", "The model that scores the batches.",
        [("max by (model_version, family) (churn_champion_info)", "{{model_version}} {{family}}")],
        shows_name=True,
    ),
    Panel(
        "number", "Promoted", "When the gate made it champion.",
        [(age("churn_champion_promoted_timestamp_seconds"), "")], FROM_NOW,
        anchor="churnchampionold",
    ),
    Panel(
        "number", "Trained until", "The last day that it learned from.",
        [(age("churn_champion_trained_until_timestamp_seconds"), "")], FROM_NOW,
    ),
    Panel(
        "number", "Realised of", "The newest batch whose labels are known.",
        [(age("churn_performance_realised_day_timestamp_seconds"), "")], FROM_NOW,
    ),
    _performance("pr_auc", "PR-AUC"),
    _performance("roc_auc", "ROC-AUC"),
    Panel(
        "bars", "Promises kept",
        "Share of batches whose realised value lay in the estimated interval.",
        [("max by (metric) (churn_performance_promises_kept_ratio)", "{{metric}}")],
        "percentunit", 0.85, 0.7, low_is_bad=True,
    ),
    Panel(
        "number", "Risks against the batches before", "Verdict of `churn score-proxy`.",
        [("max(churn_batch_status)", "")], yellow=1, red=2, words=VERDICT,
        anchor="churnscoresmoved",
    ),
    Panel(
        "number", "Estimated of", "The batch that the estimate is of.",
        [(age("churn_performance_estimated_day_timestamp_seconds"), "")], FROM_NOW,
    ),
    Panel(
        "line", "Risks of the batch", "Mean and quantiles.",
        [
            ("max by (quantile) (churn_batch_risk_quantile)", "{{quantile}}"),
            ("max(churn_batch_risk_mean)", "mean"),
        ],
        "percentunit",
    ),
    Panel(
        "line", "High risk", "Share of users from monitoring.score_proxy.high_risk on.",
        [("max(churn_batch_high_risk_ratio)", "share")], "percentunit",
    ),
    Panel(
        "line", "Risks moved", "PSI of the risks against the batches before.",
        [("max(churn_batch_risk_psi)", "PSI")], "short", 0.1, 0.25, anchor="churnscoresmoved",
    ),
    Panel(
        "line", "Users", "Scored, and on the contact list.",
        [("max(churn_batch_users)", "scored"), ("max(churn_batch_contacts)", "to contact")],
    ),
    Panel(
        "table", "Decisions", "When the ledger last noted each.",
        [(age("churn_promotion_last_decision_timestamp_seconds", "decision"), "{{decision}}")],
        FROM_NOW,
    ),
)  # fmt: skip

DATA = (
    Panel(
        "number", "Last day of data", "Its end.",
        [(age("churn_data_last_day_timestamp_seconds"), "")], FROM_NOW, anchor="churndatastale",
    ),
    Panel(
        "number", "Gate", "Exit code of the last validate_data.",
        [('max(churn_stage_exit_code{stage="validate_data"})', "")], red=1,
        anchor="churnvalidationfailed",
    ),
    Panel(
        "number", "Drift", "Verdict of `churn drift-check`.",
        [("max(churn_drift_status)", "")], yellow=1, red=2, words=VERDICT,
        anchor="churndriftfailed",
    ),
    Panel(
        "number", "Day that was checked", "Its end.",
        [(age("churn_drift_checked_day_timestamp_seconds"), "")], FROM_NOW,
        anchor="churndriftcheckstale",
    ),
    Panel(
        "line", "Set aside", "Share of each table's rows in quarantine.",
        [("max by (table) (churn_validation_quarantined_ratio)", "{{table}}")],
        "percentunit", 0.005, 0.01, anchor="churnquarantinerising",
    ),
    Panel(
        "line", "Rows at the gate", "In, passed, set aside.",
        [("max by (table, outcome) (churn_validation_rows)", "{{table}} {{outcome}}")],
    ),
    Panel(
        "bars", "Columns that moved most",
        "PSI against the reference; what moves by itself is shown, too.",
        [("sort_desc(max by (column) (churn_drift_psi))", "{{column}}")],
        "short", 0.1, 0.25, anchor="churndriftfailed",
    ),
    Panel(
        "line", "Columns over time", "PSI against the reference.",
        [("max by (column) (churn_drift_psi)", "{{column}}")], "short", 0.1, 0.25,
    ),
    Panel(
        "line", "Risks", "PSI against the reference.",
        [("max(churn_drift_risk_psi)", "PSI")], "short", 0.1, 0.25,
    ),
    Panel(
        "line", "All columns together",
        "ROC-AUC of telling the day from the reference; 0.5: they are alike.",
        [("max(churn_drift_joint_roc_auc)", "ROC-AUC")], "short", 0.65, 0.75,
    ),
    Panel(
        "table", "Findings", "By check; CHN401 to CHN406 are faults of the source.",
        [("max by (check, level) (churn_drift_findings)", "{{check}} {{level}}")],
        anchor="churnfeedbroken",
    ),
    Panel(
        "line", "Users of the day", "That were compared.",
        [("max(churn_drift_users)", "users")],
    ),
)  # fmt: skip

PIPELINE = (
    Panel(
        "number", "Last list", "When batch_score last did its work.",
        [(age('churn_stage_last_success_timestamp_seconds{stage="batch_score"}'), "")],
        FROM_NOW, anchor="churnbatchstale",
    ),
    Panel(
        "number", "Day of the list", "The end of the day that was scored.",
        [(age("churn_batch_day_timestamp_seconds"), "")], FROM_NOW,
    ),
    Panel(
        "number", "Commands that failed", "Whose last run did not do its work.",
        [(
            "count(max by (stage) (churn_stage_last_run_timestamp_seconds)"
            " > max by (stage) (churn_stage_last_success_timestamp_seconds)) or vector(0)",
            "",
        )],
        red=1, anchor="churnstagefailed",
    ),
    Panel(
        "number", "Alerts that fire", "Of all severities.",
        [('count(ALERTS{alertstate="firing"}) or vector(0)', "")], yellow=1,
    ),
    Panel(
        "table", "Last success", "By command.",
        [(age("churn_stage_last_success_timestamp_seconds", "stage"), "{{stage}}")], FROM_NOW,
    ),
    Panel(
        "table", "Last run", "By command, well or not.",
        [(age("churn_stage_last_run_timestamp_seconds", "stage"), "{{stage}}")], FROM_NOW,
    ),
    Panel(
        "bars", "Exit codes", "Of the last run; docs/cli.md explains them.",
        [("max by (stage) (churn_stage_exit_code)", "{{stage}}")], red=1, anchor="churnstagefailed",
    ),
    Panel(
        "line", "Duration", "Of the last run.",
        [("max by (stage) (churn_stage_duration_seconds)", "{{stage}}")], "s",
    ),
    Panel(
        "line", "Rows", "By command and table.",
        [("max by (stage, table) (churn_stage_rows)", "{{stage}}: {{table}}")],
    ),
    Panel(
        "table", "Firing", "What each means stands in the runbook.",
        [('max by (alertname, severity) (ALERTS{alertstate="firing"})',
          "{{alertname}} {{severity}}")],
    ),
    Panel(
        "line", "What can be scraped", "0: it is away.",
        [("min by (job) (up)", "{{job}}")], red=1, low_is_bad=True, anchor="churnscrapefailing",
    ),
    Panel(
        "table", "Last push", "By group of the Pushgateway.",
        [('max by (job, stage) (push_time_seconds{job=~"churn_.*"}) * 1000', "{{job}} {{stage}}")],
        FROM_NOW, anchor="churnmetricsabsent",
    ),
    Panel(
        "line", "MLflow", "Requests by status.",
        [("sum by (status) (rate(mlflow_http_request_total[5m]))", "{{status}}")], "reqps",
    ),
    Panel(
        "line", "Rules that could not be evaluated", "In the quarter of an hour before.",
        [("sum(increase(prometheus_rule_evaluation_failures_total[15m]))", "failures")],
        red=1, anchor="churnrulesfailing",
    ),
)  # fmt: skip

DASHBOARDS = {
    "service": ("churn-service", "Churn: service", "The real-time API.", SERVICE),
    "model": ("churn-model", "Churn: model", "The champion, its list and its promises.", MODEL),
    "data_and_drift": (
        "churn-data-and-drift",
        "Churn: data and drift",
        "What comes in, and how it differs from what the champion was tested on.",
        DATA,
    ),
    "pipeline": (
        "churn-pipeline",
        "Churn: pipeline",
        "The jobs and the watching itself.",
        PIPELINE,
    ),
}
