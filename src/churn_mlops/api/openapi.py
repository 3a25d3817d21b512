"""The OpenAPI document; its requests follow the champion's features."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode as Mode
from pydantic.json_schema import models_json_schema

from churn_mlops.api.intake import batch_class, request_class
from churn_mlops.api.schemas import Prediction, Predictions, Problem
from churn_mlops.api.served import Served
from churn_mlops.api.state import State

TEMPLATE = "#/components/schemas/{model}"
_PROBLEMS = {
    400: "Not valid JSON or Arrow, or X-Request-ID is not valid",
    401: "No valid API key",
    408: "The body arrived too slowly",
    413: "The body is too large",
    415: "The content type is not supported",
    422: "The request does not fit the model",
    429: "Too many requests",
    503: "No model is loaded, or too many requests at a time",
}


class Document:
    """Makes the document, anew for each champion.

    Parameters
    ----------
    app : FastAPI
    state : State
    """

    def __init__(self, app: FastAPI, state: State) -> None:
        self._app, self._state = app, state
        self._made: tuple[str, dict[str, Any]] | None = None

    def __call__(self) -> dict[str, Any]:
        """The document for the champion of this moment."""
        loaded = self._state.store.current
        served = loaded.model if loaded else None
        version = served.version if served else ""
        if self._made is None or self._made[0] != version:
            self._made = (version, self._make(served))
        return self._made[1]

    def _make(self, served: Served | None) -> dict[str, Any]:
        app = self._app
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        kept = document["components"]["schemas"]
        _drop_framework_errors(document)
        if served is None:
            _, schemas = models_json_schema([(Problem, "serialization")], ref_template=TEMPLATE)
            kept |= schemas["$defs"]
            return document
        example, _ = served.bundle.golden[len(served.bundle.golden) // 4]
        body = {"user_id": 17, "snapshot_date": "2025-04-30", "features": example}
        most = self._state.serving.max_batch_rows
        request = request_class(served.bundle.meta)
        takes: list[tuple[type[BaseModel], Mode]] = [
            (request, "validation"),
            (batch_class(request, most), "validation"),
        ]
        gives: list[tuple[type[BaseModel], Mode]] = [
            (answer, "serialization") for answer in (Prediction, Predictions, Problem)
        ]
        _, schemas = models_json_schema([*takes, *gives], ref_template=TEMPLATE)
        kept |= schemas["$defs"]
        document["paths"] |= {
            "/predict": {"post": _predict(body)},
            "/predict/batch": {"post": _batch({"rows": [body]})},
        }
        return document


def _drop_framework_errors(document: dict[str, Any]) -> None:
    """FastAPI documents errors of its own that never go out."""
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    for operations in document["paths"].values():
        for operation in operations.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]


def _predict(example: dict[str, Any]) -> dict[str, Any]:
    return {
        "tags": ["predictions"],
        "summary": "Predict",
        "description": "How likely a user is to leave, and with `explain=true` why. Features that"
        " are left out are imputed and listed; `strict=true` refuses them instead.",
        "operationId": "predict",
        "parameters": [
            _switch("explain", "Give the reasons, too."),
            _switch("strict", "Refuse rather than impute."),
        ],
        "requestBody": _body({"application/json": ("PredictRequest", example)}),
        "responses": _responses({"application/json": _reference("Prediction")}),
    }


def _batch(example: dict[str, Any]) -> dict[str, Any]:
    raw = {"type": "string", "format": "binary"}
    streams = {"application/x-ndjson": raw, "application/vnd.apache.arrow.stream": raw}
    body = _body({"application/json": ("BatchRequest", example)})
    body["content"] |= {kind: {"schema": schema} for kind, schema in streams.items()}
    return {
        "tags": ["predictions"],
        "summary": "Predict Batch",
        "description": "Many users in one call of the model: as JSON or as an Arrow stream up to a"
        " limit, or as NDJSON without end, one request and one answer a line.",
        "operationId": "predict_batch",
        "parameters": [_switch("strict", "Refuse rather than impute.")],
        "requestBody": body,
        "responses": _responses({"application/json": _reference("Predictions"), **streams}),
    }


def _switch(name: str, text: str) -> dict[str, Any]:
    schema = {"type": "boolean", "default": False}
    return {"name": name, "in": "query", "required": False, "description": text, "schema": schema}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": TEMPLATE.format(model=name)}


def _body(contents: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    return {
        "required": True,
        "content": {
            kind: {"schema": _reference(name), "example": example}
            for kind, (name, example) in contents.items()
        },
    }


def _responses(contents: dict[str, Any]) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": _reference("Problem")}}
    answers: dict[str, Any] = {
        "200": {
            "description": "The prediction",
            "content": {kind: {"schema": schema} for kind, schema in contents.items()},
        }
    }
    for status, text in _PROBLEMS.items():
        answers[str(status)] = {"description": text, "content": problem}
    return answers
