"""The page on which requests can be tried; its scripts come from this server, not from a CDN."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import FileResponse, HTMLResponse

SCRIPT, STYLE = "swagger-ui-bundle.js", "swagger-ui.css"
# The pictogram in the page's head must not be fetched from elsewhere, either.
ICON = "data:,"


def router(title: str) -> APIRouter:
    """The routes of the page and of what it loads.

    Parameters
    ----------
    title : str
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=title,
            swagger_js_url=f"/docs/{SCRIPT}",
            swagger_css_url=f"/docs/{STYLE}",
            swagger_favicon_url=ICON,
        )

    static = folder()

    @routes.get(f"/docs/{SCRIPT}")
    async def script() -> FileResponse:
        return FileResponse(static / SCRIPT)

    @routes.get(f"/docs/{STYLE}")
    async def style() -> FileResponse:
        return FileResponse(static / STYLE)

    return routes


def folder() -> Path:
    """Where the package fastapi-offline keeps Swagger UI; the package itself is not imported."""
    spec = find_spec("fastapi_offline")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'fastapi_offline'", name="fastapi_offline")
    return Path(next(iter(spec.submodule_search_locations))) / "static"
