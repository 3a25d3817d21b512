"""The command that answers requests."""

from __future__ import annotations

import json as jsonlib
from typing import Annotated

import typer

from churn_mlops.commands.run import AsJson, ParamsFile, read_params
from churn_mlops.errors import ChurnError


def serve(
    params: ParamsFile = "params.yaml",
    json: AsJson = False,
    host: Annotated[str | None, typer.Option(help="Instead of serving.host.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Instead of serving.port; 0: any.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Instead of serving.workers.")] = None,
) -> None:
    """Answer requests with the champion: /predict, /predict/batch, /users/ID, /model.

    The champion comes from MLflow when MLFLOW_TRACKING_URI (tracking.uri) names a server, else
    from artifacts/production; another champion takes over within serving.poll_seconds, without a
    dropped request. GET / says what there is, docs/api.md explains it. SIGTERM lets the requests
    under way finish. With --json the first line on stdout says where it listens.
    """
    from churn_mlops.api.serve import serve as run

    loaded = read_params(params)
    given = {"host": host, "port": port, "workers": workers}
    changed = {name: value for name, value in given.items() if value is not None}
    serving = loaded.serving.model_copy(update=changed)

    def tell(address: str, metrics: str | None) -> None:
        if json:
            typer.echo(jsonlib.dumps({"address": address, "metrics_address": metrics}))
        else:
            typer.echo(f"serving at {address}" + (f", metrics at {metrics}" if metrics else ""))

    try:
        run(loaded.model_copy(update={"serving": serving}), tell)
    except ModuleNotFoundError as error:
        raise ChurnError(
            f"the API needs a package that is not installed: {error.name}",
            fix="pip install 'churn-mlops[api]'",
        ) from error


COMMANDS = (serve,)
