"""The ASGI application: ``churn serve``, or ``uvicorn churn_mlops.api.app:app``."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from churn_mlops import __version__
from churn_mlops.api import docs_page
from churn_mlops.api.access_log import AccessLog
from churn_mlops.api.batch import PredictBatch
from churn_mlops.api.door import App, Door
from churn_mlops.api.keys import Keys
from churn_mlops.api.leaving import Leaving
from churn_mlops.api.list_follower import ListFollower
from churn_mlops.api.logs import log_as_json
from churn_mlops.api.metrics import Metrics
from churn_mlops.api.mlflow_source import MlflowSource
from churn_mlops.api.model_source import Named
from churn_mlops.api.model_store import ModelStore
from churn_mlops.api.openapi import Document
from churn_mlops.api.predict import Predict
from churn_mlops.api.prediction_log import PredictionLog
from churn_mlops.api.problems import ProblemError
from churn_mlops.api.rate_limit import RateLimit
from churn_mlops.api.routes import router
from churn_mlops.api.served import Served
from churn_mlops.api.shadow import Shadow
from churn_mlops.api.siblings import share_with_siblings
from churn_mlops.api.sources import source_for
from churn_mlops.api.state import State
from churn_mlops.api.users import UserStore
from churn_mlops.api.watcher import Watcher
from churn_mlops.inference.predictions import store_path
from churn_mlops.params import Params, load
from churn_mlops.registry.bundle import Bundle
from churn_mlops.registry.shared_list import is_shared

log = structlog.get_logger()


def create_app(params: Params) -> Door:
    """Make the application; it loads the champion when it starts.

    Parameters
    ----------
    params : Params

    Raises
    ------
    ParamsError
        The API keys cannot be used.
    """
    log_as_json()
    share_with_siblings()
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    metrics = Metrics(registry)
    state = make_state(params, metrics, registry)
    serving = params.serving
    access_log = AccessLog()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        state.leaving.on_sigterm()
        await asyncio.to_thread(state.store.refresh)
        if state.lists is not None:
            await asyncio.to_thread(state.lists.refresh)
        # What start-up made lives as long as the process: no collection needs to look at it.
        gc.collect()
        gc.freeze()
        tasks = [asyncio.create_task(state.store.run())]
        if state.lists is not None:
            tasks.append(asyncio.create_task(state.lists.run()))
        if state.shadow.on:
            tasks.append(asyncio.create_task(state.shadow.run()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(state.prediction_log.close)
            await asyncio.to_thread(state.store.close)
            if state.lists is not None:
                await asyncio.to_thread(state.lists.close)
            await access_log.close()

    app = FastAPI(
        title="churn-mlops",
        version=__version__,
        description="How likely is a user to leave, and why?",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    posts: dict[str, App] = {"/predict": Predict(state), "/predict/batch": PredictBatch(state)}
    # The door answers these itself; the routes make other methods on them a 405.
    app.router.routes += [
        Route(path, answer, methods=["POST"], include_in_schema=False)
        for path, answer in posts.items()
    ]
    app.include_router(router(state))
    app.include_router(docs_page.router(app.title))
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse)
    app.add_exception_handler(ProblemError, _tell)
    app.openapi = Document(app, state)  # type: ignore[method-assign]
    limit = serving.rate_limit
    return Door(
        app,
        direct={("POST", path): answer for path, answer in posts.items()},
        metrics=metrics,
        access_log=access_log,
        keys=Keys(serving.api_keys, serving.api_keys_file),
        rate_limit=RateLimit(limit, serving.rate_limit_burst) if limit else None,
        max_concurrency=serving.max_concurrency,
        leaving=state.leaving,
    )


def make_state(params: Params, metrics: Metrics, registry: Any) -> State:
    """Put the parts together that the routes share."""
    serving = params.serving
    below = Path(params.paths.artifacts) / "serving"

    def build(bundle: Bundle, named: Named) -> Served:
        return Served(bundle, named.number, serving.max_batch_rows)

    own = store_path(params)
    lists: ListFollower | None = None
    if is_shared(params):
        folder = Path(serving.cache or below) / "lists"
        lists = ListFollower(MlflowSource(params.tracking), folder, serving.poll_seconds, own)
    store = ModelStore(
        source_for(params),
        Path(serving.cache or below) / "models",
        build,
        Watcher(metrics),
        poll_seconds=serving.poll_seconds,
        shadow=serving.shadow_share > 0,
    )
    logged = serving.prediction_log.folder
    return State(
        params=params,
        metrics=metrics,
        store=store,
        users=UserStore(own, lists.path) if lists else UserStore(own),
        lists=lists,
        prediction_log=PredictionLog(
            serving.prediction_log,
            Path(logged) if logged else below / "predictions",
            f"{os.uname().nodename}-{os.getpid()}",
            lambda reason, count: metrics.log_drops.labels(reason).inc(count),
        ),
        shadow=Shadow(
            serving.shadow_share,
            lambda: store.challenger.model if store.challenger else None,
            metrics,
        ),
        registry=registry,
        golden=itertools.count(),
        leaving=Leaving(serving.leave_seconds),
    )


async def _refuse(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 422
    if status == 405:
        problem = ProblemError.of("method-not-allowed", f"{request.method} does not work here")
    elif status == 404:
        problem = ProblemError.of("not-found", "there is nothing here; / shows what there is")
    else:
        problem = ProblemError.of("invalid-request", "the request does not fit")
    headers = dict(getattr(error, "headers", None) or {})
    body = problem.body(request.scope["request_id"])
    return Response(body, problem.status, headers, media_type="application/problem+json")


async def _tell(request: Request, error: Exception) -> Response:
    # Left to the door, it would come too late: the framework answers what it does not know by 500.
    if not isinstance(error, ProblemError):
        raise error
    headers = {name.decode(): value.decode() for name, value in error.headers}
    body = error.body(request.scope["request_id"])
    return Response(body, error.status, headers, media_type="application/problem+json")


def __getattr__(name: str) -> Door:
    """Make `app` when a server asks for it: importing this module reads no parameters."""
    if name == "app":
        params = load()
        # Only `churn serve` opens a second port.
        serving = params.serving.model_copy(update={"metrics_port": None})
        return create_app(params.model_copy(update={"serving": serving}))
    raise AttributeError(name)
