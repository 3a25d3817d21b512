"""Commands that watch: drift, the scores, and how good the lists are; `publish`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from churn_mlops.commands.run import AsJson, ParamsFile, read_params, run_stage
from churn_mlops.errors import ChurnError, PublishError
from churn_mlops.loop.terminated import ended_by_sigterm
from churn_mlops.summary import Summary

if TYPE_CHECKING:
    from churn_mlops.params import Params

USAGE = 2
WAITED = 4


class Verdict(TyperCommand):
    """A command whose exit code is a verdict: all that is no verdict, a typing error too, is 1."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the command line."""
        try:
            return super().make_context(*args, **kwargs)
        except Exception as error:
            # Typer keeps its own copy of click; what is common to usage errors is their exit code.
            if getattr(error, "exit_code", None) == USAGE:
                error.exit_code = 1  # type: ignore[attr-defined]
            raise


@contextmanager
def no_verdict() -> Iterator[None]:
    """Let every error leave with 1: the other codes are verdicts or other commands' errors."""
    try:
        yield
    except ChurnError as error:
        error.exit_code = 1
        raise


def drift_check(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    as_of_date: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Day to check; the last day by default."),
    ] = None,
) -> None:
    """Compare a day with the champion's reference days: has anything moved beyond chance?

    Writes artifacts/monitoring/drift/DATE.json and drift_latest.json. The first line says what
    moved most. Exit codes: 0 OK, 1 error, 2 FAIL, 3 WARN. docs/drift.md explains the tests and
    docs/checks.md the numbers CHN401 to CHN413.
    """
    from churn_mlops.loop.lock import workspace_lock
    from churn_mlops.monitoring import drift as stage
    from churn_mlops.monitoring.findings import EXIT_CODES

    day = as_of_date.date() if as_of_date else None

    def check(loaded: Params) -> Summary:
        # Inside, too, and the lock within: what is published is the exit code.
        with no_verdict(), workspace_lock(loaded, "churn drift-check"):
            return stage.run(loaded, as_of_date=day)

    with no_verdict():
        run_stage(
            check,
            params,
            json,
            name="drift_check",
            exit_code=lambda summary: EXIT_CODES[summary.facts["status"]],
            writes=False,
        )


def score_proxy(params: ParamsFile = "params.yaml", json: AsJson = False) -> None:
    """Describe the latest risks and compare them with the batches before.

    Mean, quantiles, share of high risk and contacts of batch_predictions_latest, and the
    population stability index against the last batches of the same model. Writes
    artifacts/monitoring/score_proxy_latest.json; `monitoring.score_proxy` in params.yaml sets it.
    """
    from churn_mlops.monitoring import score_proxy as action

    run_stage(action.run, params, json, name="score_proxy")


def performance(params: ParamsFile = "params.yaml", json: AsJson = False) -> None:
    """Estimate how good the latest list is, and grade what was estimated earlier.

    Nobody knows for churn.window_days who will leave. Until then PR-AUC, ROC-AUC and profit are
    estimated from the risks, with an interval; the estimate is a promise that is never revised.
    When the horizon has passed, labels_daily grades it. Writes performance_latest.json,
    performance.csv and promises/ to artifacts/monitoring/; docs/performance.md explains them.
    """
    from churn_mlops.monitoring import performance as action

    run_stage(action.run, params, json, name="performance")


def retrain(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    reason: Annotated[str | None, typer.Option(help="Train now, and why; for the ledger.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be done, and why.")
    ] = False,
) -> None:
    """Train anew when there is a reason and nothing speaks against it.

    Reasons: drift on several days, performance below its floor, or --reason. Before it trains,
    CHN501 to CHN508 must hold (docs/checks.md): no model learns from a broken delivery, from too
    few new labels, or from labels older than the change. Training is `dvc repro promote_model`; the
    gate decides. Every decision with a reason is a line of `churn history`. Exit codes: 0 trained
    or nothing to do, 4 a reason waits; docs/retrain.md tells the whole story.
    """
    from churn_mlops.monitoring import retrain as action

    with ended_by_sigterm():
        run_stage(
            lambda loaded: action.run(loaded, params, reason=reason, dry_run=dry_run),
            params,
            json,
            name="retrain",
            exit_code=lambda summary: WAITED if summary.facts["action"] == "wait" else 0,
            writes=not dry_run,
        )


def publish(params: ParamsFile = "params.yaml", json: AsJson = False) -> None:
    """Publish the state of data, model and list for Prometheus, by hand.

    Every stage does so when it ends, once `monitoring.publish` says where to: a Pushgateway, a
    folder of node_exporter's textfile collector, or both. What is not there yet (no drift check,
    no champion) is left out. A damaged file, or a gateway that does not answer, is error 21;
    docs/monitoring.md explains every metric.
    """
    started = time.perf_counter()
    loaded = read_params(params)
    try:
        from churn_mlops.monitoring.publish import publish_state

        done = publish_state(loaded)
    except ModuleNotFoundError as error:
        raise PublishError(
            f"publishing needs a package that is not installed: {error.name}",
            fix="pip install 'churn-mlops[train]'",
        ) from error
    facts = {"pushgateway": done.pushgateway} if done.pushgateway else {}
    summary = Summary("publish", {"values": done.series}, list(done.files), facts)
    seconds = time.perf_counter() - started
    typer.echo(summary.as_json(seconds) if json else summary.as_text(seconds))


COMMANDS = (drift_check, score_proxy, performance, retrain, publish)
VERDICTS = (drift_check,)
