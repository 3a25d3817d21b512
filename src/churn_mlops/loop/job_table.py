"""The jobs for a scheduler: the one table that help, docs/jobs.md and the alert rules share."""

from __future__ import annotations

from dataclasses import dataclass

DAILY_HOURS, WEEKLY_HOURS = 36, 8 * 24


@dataclass(frozen=True)
class Job:
    """A job.

    Parameters
    ----------
    name : str
        As in `churn job NAME`.
    what : str
    codes : str
        Its exit codes beside those of every error.
    cron : str
        When to run it, UTC.
    stale_hours : int
        When its last success is older, the alert ChurnJobStale fires.
    needs : str
    publishes : str
        Names of stages in `churn_stage_*`, beside its own.
    """

    name: str
    what: str
    codes: str
    cron: str
    stale_hours: int
    needs: str
    publishes: str

    @property
    def stage(self) -> str:
        """The name that its metrics carry."""
        return stage_of(self.name)


JOBS = (
    Job(
        "batch-score",
        "brings in the new days and writes their lists",
        "0 done, 13 a day's data did not pass its checks",
        "15 2 * * *",
        DAILY_HOURS,
        "the source of the data, a champion",
        "ingest to score_proxy",
    ),
    Job(
        "drift-check",
        "checks the last day, and days caught up, against the reference; grades lists",
        "0 OK, 1 error, 2 FAIL, 3 WARN",
        "15 3 * * *",
        DAILY_HOURS,
        "the day's features, a champion",
        "drift_check, performance",
    ),
    Job(
        "drift-auto-retrain",
        "trains anew when drift or performance is a reason",
        "0 done or no reason, 4 waits",
        "45 3 * * *",
        DAILY_HOURS,
        "the DVC workspace, MLflow, the drift check",
        "the stages that DVC runs",
    ),
    Job(
        "weekly-retrain",
        "the same, and when the last training is monitoring.retrain.every_days old",
        "0 done or no reason, 4 waits",
        "15 4 * * 1",
        WEEKLY_HOURS,
        "the DVC workspace, MLflow, the drift check",
        "the stages that DVC runs",
    ),
    Job(
        "high-drift-alert",
        "tells people what moved and what becomes of it, once a day and news",
        "0 told or nothing to tell, 10 no channel, 23 not delivered",
        "45 5 * * *",
        DAILY_HOURS,
        "a channel in monitoring.alert",
        "",
    ),
)


def stage_of(job: str) -> str:
    """The name that a job's metrics carry."""
    return f"job_{job.replace('-', '_')}"


def as_text() -> str:
    """The table for a terminal of 80 columns."""
    lines = []
    for job in JOBS:
        lines += [
            f"{job.name}  ({job.cron})",
            f"  {job.what}",
            f"  exit codes: {job.codes}",
            f"  needs: {job.needs}",
            f"  publishes: {_published(job)}",
        ]
    return "\n".join(lines)


def as_markdown() -> str:
    """The table for a page of documentation."""
    lines = [
        "| job | what it does | exit codes | cron (UTC) | needs | publishes as | stale after |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{job.name}` | {job.what} | {job.codes} | `{job.cron}` | {job.needs} |"
        f" {_published(job)} | {job.stale_hours} h |"
        for job in JOBS
    ]
    return "\n".join(lines) + "\n"


def _published(job: Job) -> str:
    return f"{job.stage}, {job.publishes}" if job.publishes else job.stage
