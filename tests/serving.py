"""The API in this process, over trained bundles, for tests that need no socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from churn_mlops.api.app import create_app
from churn_mlops.inference import batch_score
from churn_mlops.params import Params
from churn_mlops.registry.bundle import Bundle, copy_bundle
from churn_mlops.registry.champion import production_folder
from tests.trained import bundle, bundle_folder, params_in, trained


def workspace(folder: Path, champion: str | None = "candidate", **serving: Any) -> Params:
    """Parameters of a folder in which a trained bundle is in production."""
    params = params_in(folder, serving=serving, tracking={})
    if champion:
        copy_bundle(bundle_folder(champion), production_folder(params))
    return params


def scored_workspace(folder: Path, champion: str = "candidate", **serving: Any) -> Params:
    """The same with the data that the bundle was trained on, and its last day scored."""
    params = workspace(folder, champion, **serving)
    source = Path(trained(champion)[0].paths.data)
    data = Path(params.paths.data)
    data.mkdir(parents=True)
    for entry in source.iterdir():
        if entry.name != "predictions":
            (data / entry.name).symlink_to(entry)
    batch_score.run(params)
    return params


@contextlib.asynccontextmanager
async def running(params: Params) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the started application; its `app` attribute is the application."""
    app = create_app(params)
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    client = httpx.AsyncClient(transport=transport, base_url="http://churn")
    async with app.app.router.lifespan_context(app.app), client:
        yield client


def ask(params: Params, questions: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
    """Start the application, ask, stop it."""

    async def both() -> Any:
        async with running(params) as client:
            return await questions(client)

    return asyncio.run(both())


def golden_request(name: str = "candidate", place: int = 10) -> tuple[dict[str, Any], float]:
    """A request about a golden row, and the risk that it must be given."""
    row, risk = bundle(name).golden[place]
    return {"user_id": 17, "features": dict(row)}, risk


def whole_rows(name: str = "candidate") -> Iterator[tuple[dict[str, Any], float]]:
    """All golden rows with their risks."""
    found: Bundle = bundle(name)
    for row, risk in found.golden:
        yield dict(row), risk
