"""The routes that look things up; those that predict are in `predict` and `batch`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse, JSONResponse

from churn_mlops.api.describe import describe
from churn_mlops.api.page import page
from churn_mlops.api.problems import ProblemError
from churn_mlops.api.schemas import ModelDescription, Readiness, ScoredUser
from churn_mlops.api.siblings import exposed
from churn_mlops.api.state import State
from churn_mlops.api.users import NoPredictionsError
from churn_mlops.errors import ChurnError


def documented(text: str) -> dict[str, Any]:
    """An answer of problem+json in the OpenAPI document, which has its schema."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {"application/problem+json": {"schema": schema}}}


GUARDED: dict[int | str, dict[str, Any]] = {
    code: documented(text)
    for code, text in (
        (400, "X-Request-ID is not valid"),
        (401, "No valid API key"),
        (429, "Too many requests"),
        (503, "No model, no predictions, or too many requests at a time"),
    )
}


def router(state: State) -> APIRouter:
    """The routes over one process's state."""
    routes = APIRouter()

    @routes.get("/live", tags=["operations"], responses={400: GUARDED[400]})
    async def live() -> dict[str, str]:
        """Whether the process answers; says nothing about the model."""
        return {"status": "alive"}

    async def ready() -> Response:
        """Whether there is a model that answers right: a golden row is scored at each call."""
        readiness = judge(state)
        return JSONResponse(readiness.model_dump(), 200 if readiness.ready else 503)

    answers: dict[int | str, dict[str, Any]] = {
        400: GUARDED[400],
        503: {"model": Readiness, "description": "Not ready"},
    }
    for path in ("/ready", "/health"):
        routes.get(path, response_model=Readiness, tags=["operations"], responses=answers)(ready)

    # Must be imported after `share_with_siblings`.
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    if state.serving.metrics_port is None:

        @routes.get(
            "/metrics",
            tags=["operations"],
            response_class=Response,
            responses={200: {"content": {"text/plain": {}}}, 400: GUARDED[400]},
        )
        async def metrics() -> Response:
            """What the API counts, for Prometheus."""
            text = generate_latest(exposed(state.registry))
            return Response(text, media_type=CONTENT_TYPE_LATEST)

    @routes.get("/model", response_model=ModelDescription, tags=["model"], responses=GUARDED)
    async def model() -> Response:
        """The champion: its features with types, units and ranges, its metrics, its card."""
        served = state.served()
        return JSONResponse(describe(served, state.params.tracking.model).model_dump(mode="json"))

    @routes.get(
        # An id that is a text may have slashes.
        "/users/{user_id:path}",
        response_model=ScoredUser,
        tags=["predictions"],
        responses={**GUARDED, 404: documented("Unknown user")},
    )
    async def user(user_id: str) -> Response:
        """What the latest batch said about a user, with reasons."""
        try:
            found = state.users.get(user_id)
        except NoPredictionsError as error:
            raise ProblemError.of(
                "no-predictions", error.message, headers=[(b"retry-after", b"60")]
            ) from None
        except ChurnError as error:
            raise ProblemError.of("no-predictions", error.message) from None
        if found is None:
            raise ProblemError.of(
                "unknown-user", "the latest batch has no such user; only eligible ones are scored"
            )
        return JSONResponse(found)

    @routes.get("/", include_in_schema=False)
    async def home(request: Request) -> Response:
        here = state.serving.metrics_port is None
        return HTMLResponse(page(judge(state), str(request.base_url).rstrip("/"), here))

    return routes


def judge(state: State) -> Readiness:
    """Ask the model about its next golden row, and say how things stand."""
    store = state.store
    loaded = store.current
    facts: dict[str, Any] = {
        "model": state.params.tracking.model,
        "source": store.source.name,
        "stale": store.stale,
        "detail": store.detail,
    }
    if loaded is None:
        facts["detail"] = store.detail or "no champion has been promoted yet"
        return Readiness(ready=False, **facts)
    served = loaded.model
    if state.leaving.begun:
        facts["detail"] = "the server was told to end and leaves"
        return Readiness(ready=False, **facts)
    facts |= {"model_version": served.version, "registry_version": served.number}
    try:
        served.check_golden(next(state.golden))
    except ChurnError as error:
        return Readiness(ready=False, **{**facts, "detail": error.message})
    return Readiness(ready=True, **facts)
