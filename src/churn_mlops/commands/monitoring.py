"""Commands that watch production."""

from __future__ import annotations

import time

import typer

from churn_mlops.commands.run import AsJson, ParamsFile, read_params
from churn_mlops.errors import PublishError
from churn_mlops.summary import Summary


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


COMMANDS = (publish,)
