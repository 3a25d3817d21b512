"""The section about watching: drift, scores, performance, and where the numbers are published."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from churn_mlops.params.section import Name, Section, Share

Rate = Annotated[float, Field(gt=0, le=0.5)]


def _nothing(value: object) -> object:
    """Take an empty text as none: an environment cannot leave a secret out, only empty."""
    return None if value in ("", "null") else value


def _address(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not re.fullmatch(r"https?://\S+", value.get_secret_value()):
        raise ValueError("this is no address that begins with http:// or https://")
    return value


# Whoever knows such an address may post there.
SecretAddress = Annotated[SecretStr | None, BeforeValidator(_nothing), AfterValidator(_address)]


class DriftCheck(Section):
    """When a day differs from the champion's reference days.

    On days without drift at most `false_alarm_rate` of the checks FAIL and `warn_alarm_rate` WARN:
    a column must have moved further than chance allows for that many users. It must also have
    moved far enough to matter: a PSI of `warn_psi` or `fail_psi`, and for all columns together a
    domain classifier's ROC-AUC of `warn_auc` or `fail_auc`. `moves_by_itself` names columns that
    no day repeats, such as the age of the accounts: they are shown and never alarm. The `top`
    columns are published.
    """

    false_alarm_rate: Rate = 0.01
    warn_alarm_rate: Rate = 0.05
    warn_psi: Annotated[float, Field(gt=0)] = 0.1
    fail_psi: Annotated[float, Field(gt=0)] = 0.25
    warn_auc: Annotated[float, Field(gt=0.5, lt=1)] = 0.65
    fail_auc: Annotated[float, Field(gt=0.5, lt=1)] = 0.75
    moves_by_itself: tuple[Name, ...] = ("days_since_signup",)
    top: Annotated[int, Field(ge=1, le=100)] = 10


class ScoreProxy(Section):
    """The latest batch of risks against the last `batches` before it.

    A user counts as of `high_risk` from this risk on.
    """

    batches: Annotated[int, Field(ge=1, le=365)] = 7
    high_risk: Share = 0.5


class Performance(Section):
    """How good the list is: estimated on the day, realised when its horizon has passed.

    `confidence` of the intervals. Below `floor` times what the model reached on its test days
    (for ROC-AUC: of its distance from 0.5), performance alarms.
    """

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    floor: Annotated[float, Field(ge=0, le=1)] = 0.8


class Retrain(Section):
    """When a model is trained anew, and what must hold before.

    Drift is a reason once `drift_fails` of the last `drift_checks` checks FAIL; so is
    performance below its floor, or below what was promised for `broken_promise_days` on end.
    What was trained for such a reason has seen little of the change: `follow_up_days` later
    (null: never) it is trained once more. For `churn job weekly-retrain` it is a reason that
    the last training is `every_days` old (null: no schedule). It waits `cooldown_days` after
    the last training, for at least `min_label_days` mature days that the champion was not
    tested on, and trains at most `max_per_month` times in 30 days. For `probation_days` after a
    promotion the champion before is scored along with the new one and put back when it does
    better.
    """

    drift_fails: Annotated[int, Field(ge=1, le=365)] = 3
    drift_checks: Annotated[int, Field(ge=1, le=365)] = 5
    broken_promise_days: Annotated[int, Field(ge=1)] = 10
    follow_up_days: Annotated[int, Field(ge=1)] | None = 60
    every_days: Annotated[int, Field(ge=1)] | None = 7
    cooldown_days: Annotated[int, Field(ge=0)] = 7
    max_per_month: Annotated[int, Field(ge=0)] = 4
    min_label_days: Annotated[int, Field(ge=0)] = 7
    probation_days: Annotated[int, Field(ge=0)] = 14


class Smtp(Section):
    """A mail server; with a `user` the environment variable `password_env` holds the password."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    sender: str
    to: Annotated[tuple[str, ...], Field(min_length=1)]
    user: str | None = None
    password_env: str | None = None
    tls: Literal["starttls", "ssl", "none"] = "starttls"

    @model_validator(mode="after")
    def _login(self) -> Smtp:
        if (self.user is None) != (self.password_env is None):
            raise ValueError("user and password_env are given together, or neither")
        return self


class Alert(Section):
    """Whom `churn job high-drift-alert` tells, and how hard it tries.

    `webhook` takes any JSON, `slack` is an incoming webhook of Slack or of what understands its
    messages; both addresses are secrets, best given in the environment. `log` writes messages to
    the job's own log, for those who are told by what watches logs. `link` is where people
    find the report. A channel that does not answer within `timeout_seconds` is tried again after
    `backoff_seconds`, each time twice as late, `tries` times in all. docs/jobs.md has the details.
    """

    webhook: SecretAddress = None
    slack: SecretAddress = None
    smtp: Smtp | None = None
    log: bool = False
    link: str | None = None
    tries: Annotated[int, Field(ge=1, le=100)] = 3
    backoff_seconds: Annotated[float, Field(ge=0, le=3600)] = 2.0
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 5.0


class Publish(Section):
    """Where batch jobs leave their metrics for Prometheus: a Pushgateway's URL, a folder, or both.

    The folder is one that node_exporter's textfile collector reads. Both null: nowhere.
    """

    pushgateway: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    textfile: str | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0


class Monitoring(Section):
    """Watching the data, the scores and the model in production."""

    drift: DriftCheck = DriftCheck()
    score_proxy: ScoreProxy = ScoreProxy()
    performance: Performance = Performance()
    publish: Publish = Publish()
    retrain: Retrain = Retrain()
    alert: Alert = Alert()


class Jobs(Section):
    """Commands for a scheduler: a job that fails for want of a server is tried again.

    At most `tries` times, `backoff_seconds` later and each time twice as late. With `workspace`
    (a folder, ``s3://bucket/workspace``) data and artifacts lie there between jobs, so that any
    machine can do the next one; null: the working directory is all there is.
    """

    tries: Annotated[int, Field(ge=1, le=100)] = 3
    backoff_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    workspace: str | None = None
