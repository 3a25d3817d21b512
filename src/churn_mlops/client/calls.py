"""Requests and answers as values: what both clients share, without input or output."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from churn_mlops.api.schemas import Prediction, Problem
from churn_mlops.client.errors import ApiError, ApiUnavailableError, told
from churn_mlops.client.retry import PASSING

JSON = "application/json"
NDJSON = "application/x-ndjson"
ARROW = "application/vnd.apache.arrow.stream"
ROWS_PER_REQUEST = 500


@dataclass(frozen=True)
class Call:
    """A request.

    Parameters
    ----------
    method, path : str
    content : bytes or None
    kind : str
        Content type.
    switches : mapping of str to bool
        For the query; those that are off are left out.
    request_id : str
        The same over all attempts.
    """

    method: str
    path: str
    content: bytes | None = None
    kind: str = JSON
    switches: Mapping[str, bool] = field(default_factory=dict)
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters."""
        return {name: "true" for name, on in self.switches.items() if on}

    @property
    def headers(self) -> dict[str, str]:
        """The request's own headers."""
        headers = {"x-request-id": self.request_id}
        return headers | ({"content-type": self.kind} if self.content is not None else {})


@dataclass(frozen=True)
class LineProblem:
    """A row of a stream that was refused; the others went on.

    Parameters
    ----------
    line : int
        Its number in the stream, from 1.
    problem : Problem
    """

    line: int
    problem: Problem


def predict(
    user_id: int | str,
    features: Mapping[str, Any],
    snapshot_date: date | str | None,
    explain: bool,
    strict: bool,
) -> Call:
    """``POST /predict``."""
    body = row(user_id, features, snapshot_date)
    switches = {"explain": explain, "strict": strict}
    return Call("POST", "/predict", as_json(body), switches=switches)


def predict_batch(rows: Iterable[Mapping[str, Any]], strict: bool) -> Call:
    """``POST /predict/batch`` as JSON."""
    body = as_json({"rows": [row(**one) for one in rows]})
    return Call("POST", "/predict/batch", body, switches={"strict": strict})


def predict_lines(rows: Sequence[Mapping[str, Any]], strict: bool) -> Call:
    """``POST /predict/batch`` as NDJSON."""
    body = b"".join(as_json(row(**one)) + b"\n" for one in rows)
    return Call("POST", "/predict/batch", body, NDJSON, {"strict": strict})


def predict_arrow(table: Any, strict: bool) -> Call:
    """``POST /predict/batch`` as an Arrow stream."""
    import pyarrow as pa

    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Call("POST", "/predict/batch", sink.getvalue(), ARROW, {"strict": strict})


def user(user_id: int | str) -> Call:
    """``GET /users/ID``."""
    return Call("GET", f"/users/{quote(str(user_id), safe='')}")


def row(
    user_id: int | str, features: Mapping[str, Any], snapshot_date: date | str | None = None
) -> dict[str, Any]:
    """A row as the API takes it; NaN, which is how pandas says "missing", becomes null."""
    given = {name: None if value != value else value for name, value in features.items()}
    body: dict[str, Any] = {"user_id": user_id, "features": given}
    if snapshot_date is not None:
        body["snapshot_date"] = snapshot_date
    return body


def as_json(body: Any) -> bytes:
    """JSON, also of numpy's numbers.

    Raises
    ------
    TypeError
        A value is none that JSON has.
    """
    try:
        return to_json(body, fallback=_plain)
    except PydanticSerializationError as error:
        raise TypeError(str(error)) from error


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a value of type {type(value).__name__} cannot be sent")


def lines(content: bytes, before: int) -> list[Prediction | LineProblem]:
    """Read an NDJSON answer; `before` lines of the stream came before it."""
    found: list[Prediction | LineProblem] = []
    for text in content.splitlines():
        body = from_json(text)
        if "problem" in body:
            problem = Problem.model_validate(body["problem"])
            # A stream that breaks off is told without a line.
            found.append(LineProblem(before + body.get("line", len(found) + 1), problem))
        else:
            found.append(Prediction.model_validate_json(text))
    return found


def table(content: bytes) -> Any:
    """Read an Arrow answer."""
    import pyarrow as pa

    with pa.ipc.open_stream(content) as reader:
        return reader.read_all()


def refusal(call: Call, status: int, content: bytes) -> ApiError:
    """The error for an answer that is none."""
    try:
        problem = Problem.model_validate_json(content)
    except ValidationError:
        problem = None
    kind = ApiUnavailableError if status in PASSING else ApiError
    text = told(status, problem, call.request_id)
    return kind(text, status=status, problem=problem, request_id=call.request_id)


def unreachable(call: Call, url: str, error: Exception) -> ApiUnavailableError:
    """The error for no answer at all."""
    reason = str(error) or type(error).__name__
    return ApiUnavailableError(
        f"the API at {url} does not answer {call.method} {call.path}: {reason}",
        status=None,
        problem=None,
        request_id=call.request_id,
    )
