"""Commands that watch: the scores, and how good the lists are."""

from __future__ import annotations

from churn_mlops.commands.run import AsJson, ParamsFile, run_stage


def score_proxy(params: ParamsFile = "params.yaml", json: AsJson = False) -> None:
    """Describe the latest risks and compare them with the batches before.

    Mean, quantiles, share of high risk and contacts of batch_predictions_latest, and the
    population stability index against the last batches of the same model. Writes
    artifacts/monitoring/score_proxy_latest.json; `monitoring.score_proxy` in params.yaml sets it.
    """
    from churn_mlops.monitoring import score_proxy as action

    run_stage(action.run, params, json)


def performance(params: ParamsFile = "params.yaml", json: AsJson = False) -> None:
    """Estimate how good the latest list is, and grade what was estimated earlier.

    Nobody knows for churn.window_days who will leave. Until then PR-AUC, ROC-AUC and profit are
    estimated from the risks, with an interval; the estimate is a promise that is never revised.
    When the horizon has passed, labels_daily grades it. Writes performance_latest.json,
    performance.csv and promises/ to artifacts/monitoring/; docs/performance.md explains them.
    """
    from churn_mlops.monitoring import performance as action

    run_stage(action.run, params, json)


COMMANDS = (score_proxy, performance)
