# ruff: noqa: E501 - a table of requests, one a line
"""What goes wrong is told as a problem: a clean 4xx with its kind, place and way out."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow as pa
import pytest

from tests.serving import ask, golden_request, workspace

JSON = {"content-type": "application/json"}
ARROW = {"content-type": "application/vnd.apache.arrow.stream"}


def changed(**features: Any) -> bytes:
    body, _ = golden_request()
    body["features"] |= features
    return json.dumps(body).encode()


def whole(**top: Any) -> bytes:
    body, _ = golden_request()
    return json.dumps({**body, **top}).encode()


def without(name: str) -> bytes:
    body, _ = golden_request()
    del body[name]
    return json.dumps(body).encode()


def raw(text: str) -> bytes:
    """A request with a literal in the place of one feature's value."""
    return changed(logins_7d="@").replace(b'"@"', text.encode())


def stream(columns: dict[str, Any]) -> bytes:
    table = pa.table(columns)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


# name, path, headers, body, status, kind, words that the answer holds
CASES: list[tuple[str, str, dict[str, str], bytes, int, str, str]] = [
    ("empty body", "/predict", JSON, b"", 400, "invalid-json", "EOF"),
    ("no json", "/predict", JSON, b"hello", 400, "invalid-json", "expected"),
    ("half a body", "/predict", JSON, whole()[:-5], 400, "invalid-json", "EOF"),
    ("two bodies", "/predict", JSON, whole() * 2, 400, "invalid-json", "trailing"),
    ("bad utf-8", "/predict", JSON, b'{"user_id":"\xff"}', 400, "invalid-json", "unicode"),
    ("utf-16", "/predict", JSON, whole().decode().encode("utf-16"), 400, "invalid-json", ""),
    ("byte order mark", "/predict", JSON, b"\xef\xbb\xbf" + whole(), 400, "invalid-json", ""),
    ("deep nesting", "/predict", JSON, b"[" * 100_000, 400, "invalid-json", "recursion"),
    (
        "deep objects",
        "/predict",
        JSON,
        b'{"user_id":' + b'{"a":' * 5_000,
        400,
        "invalid-json",
        "recursion",
    ),
    ("a list", "/predict", JSON, b"[]", 422, "invalid-request", "must be an object"),
    ("a null", "/predict", JSON, b"null", 422, "invalid-request", "must be an object"),
    ("no user", "/predict", JSON, without("user_id"), 422, "invalid-request", "user_id"),
    ("no features", "/predict", JSON, without("features"), 422, "invalid-request", "features"),
    ("user null", "/predict", JSON, whole(user_id=None), 422, "invalid-request", "user_id"),
    ("user true", "/predict", JSON, whole(user_id=True), 422, "invalid-request", "user_id"),
    ("user empty", "/predict", JSON, whole(user_id=""), 422, "invalid-request", "user_id"),
    ("user long", "/predict", JSON, whole(user_id="x" * 257), 422, "invalid-request", "256"),
    ("user 2^64", "/predict", JSON, whole(user_id=2**64), 422, "invalid-request", "64 bits"),
    ("user 1.5", "/predict", JSON, whole(user_id=1.5), 422, "invalid-request", "user_id"),
    ("an extra key", "/predict", JSON, whole(model="x"), 422, "invalid-request", "no such key"),
    ("features a list", "/predict", JSON, whole(features=[1]), 422, "invalid-request", "object"),
    (
        "no such day",
        "/predict",
        JSON,
        whole(snapshot_date="2025-02-30"),
        422,
        "invalid-request",
        "snapshot_date",
    ),
    (
        "day a number",
        "/predict",
        JSON,
        whole(snapshot_date=1735689600),
        422,
        "invalid-request",
        "2025-04-30",
    ),
    (
        "unknown feature",
        "/predict",
        JSON,
        changed(logins_7dd=1),
        422,
        "unknown-feature",
        "did you mean 'logins_7d'",
    ),
    (
        "10,000 keys",
        "/predict",
        JSON,
        changed(**{f"k{i}": i for i in range(10_000)}),
        422,
        "unknown-feature",
        "10000 mistakes; the first 20",
    ),
    ("number as text", "/predict", JSON, changed(logins_7d="3"), 422, "invalid-request", "number"),
    ("boolean", "/predict", JSON, changed(logins_7d=True), 422, "invalid-request", "booleans"),
    ("a list in it", "/predict", JSON, changed(logins_7d=[3]), 422, "invalid-request", "number"),
    ("an object in it", "/predict", JSON, changed(plan={}), 422, "invalid-request", "string"),
    ("number for text", "/predict", JSON, changed(plan=3), 422, "invalid-request", "string"),
    ("long text", "/predict", JSON, changed(plan="x" * 300), 422, "invalid-request", "256"),
    ("half a login", "/predict", JSON, changed(logins_7d=0.5), 422, "invalid-request", "whole"),
    ("NaN", "/predict", JSON, raw("NaN"), 422, "invalid-request", "finite"),
    ("Infinity", "/predict", JSON, raw("Infinity"), 422, "invalid-request", "finite"),
    ("-Infinity", "/predict", JSON, raw("-Infinity"), 422, "invalid-request", "finite"),
    ("1e308", "/predict", JSON, raw("1e308"), 422, "invalid-request", "32 bits"),
    ("1e999", "/predict", JSON, raw("1e999"), 422, "invalid-request", "finite"),
    ("400 digits", "/predict", JSON, raw("1" + "0" * 400), 422, "invalid-request", "finite"),
    ("hexadecimal", "/predict", JSON, raw("0x10"), 400, "invalid-json", ""),
    ("strict", "/predict?strict=true", JSON, whole(features={}), 422, "missing-feature", "missing"),
    ("odd switch", "/predict?explain=1", JSON, whole(), 422, "invalid-request", "true or false"),
    ("odd query", "/predict?explian=true", JSON, whole(), 422, "invalid-request", "explain, strict"),
    ("no kind", "/predict", {}, whole(), 415, "unsupported-media-type", "application/json"),
    (
        "a form",
        "/predict",
        {"content-type": "application/x-www-form-urlencoded"},
        whole(),
        415,
        "unsupported-media-type",
        "application/json",
    ),
    (
        "latin-1",
        "/predict",
        {"content-type": "application/json; charset=latin-1"},
        whole(),
        415,
        "unsupported-media-type",
        "UTF-8",
    ),
    (
        "compressed",
        "/predict",
        {**JSON, "content-encoding": "gzip"},
        whole(),
        415,
        "unsupported-media-type",
        "uncompressed",
    ),
    ("50 MB", "/predict", JSON, b" " * 50_000_000, 413, "too-large", "256 KB"),
    ("odd id", "/predict", {**JSON, "x-request-id": "a b"}, whole(), 400, "invalid-request-id", ""),
    (
        "long id",
        "/predict",
        {**JSON, "x-request-id": "a" * 129},
        whole(),
        400,
        "invalid-request-id",
        "128",
    ),
    ("empty batch", "/predict/batch", JSON, b'{"rows":[]}', 422, "invalid-request", "rows"),
    (
        "one too many",
        "/predict/batch",
        JSON,
        json.dumps({"rows": [{"user_id": 1, "features": {}}] * 9}).encode(),
        422,
        "invalid-request",
        "at most 8",
    ),
    (
        "a bad row",
        "/predict/batch",
        JSON,
        json.dumps(
            {"rows": [{"user_id": 1, "features": {}}, {"user_id": 1, "features": {"x": 1}}]}
        ).encode(),
        422,
        "unknown-feature",
        "rows.1.features.x",
    ),
    ("batch as text", "/predict/batch", {}, b"x", 415, "unsupported-media-type", "ndjson"),
    ("no arrow", "/predict/batch", ARROW, b"hello", 400, "invalid-arrow", "IPC"),
    ("half an arrow", "/predict/batch", ARROW, stream({"logins_7d": [1]})[:-90], 400, "invalid-arrow", ""),
    ("arrow without rows", "/predict/batch", ARROW, stream({"logins_7d": []}), 422, "invalid-request", "no rows"),
    ("arrow, 9 rows", "/predict/batch", ARROW, stream({"logins_7d": [1] * 9}), 413, "too-large", "8 rows"),
    ("arrow, unknown", "/predict/batch", ARROW, stream({"x": [1]}), 422, "unknown-feature", "columns.x"),
    ("arrow, text", "/predict/batch", ARROW, stream({"logins_7d": ["1"]}), 422, "invalid-request", "numbers"),
    ("arrow, NaN", "/predict/batch", ARROW, stream({"watch_minutes_7d": [float("nan")]}), 422, "invalid-request", "row 0"),
    ("arrow, infinite", "/predict/batch", ARROW, stream({"watch_minutes_7d": [1.0, float("inf")]}), 422, "invalid-request", "row 1"),
    ("arrow, half", "/predict/batch", ARROW, stream({"logins_7d": [0.5]}), 422, "invalid-request", "whole"),
    ("arrow, numbers for text", "/predict/batch", ARROW, stream({"plan": [1]}), 422, "invalid-request", "text"),
    ("arrow, strict", "/predict/batch?strict=true", ARROW, stream({"logins_7d": [1]}), 422, "missing-feature", ""),
    ("not here", "/nowhere/..%2f..%2fetc/passwd", JSON, b"", 404, "not-found", ""),
    ("wrong method", "/live", JSON, b"{}", 405, "method-not-allowed", "POST"),
]  # fmt: skip


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, httpx.Response]:
    async def questions(client: httpx.AsyncClient) -> dict[str, httpx.Response]:
        return {
            name: await client.post(path, headers=headers, content=body)
            for name, path, headers, body, *_ in CASES
        }

    params = workspace(tmp_path_factory.mktemp("bad"), max_batch_rows=8)
    found: dict[str, httpx.Response] = ask(params, questions)
    return found


def test_names_are_unique() -> None:
    assert len({case[0] for case in CASES}) == len(CASES) >= 30


@pytest.mark.parametrize(("name", "status", "kind", "words"), [(c[0], *c[4:]) for c in CASES])
def test_it_is_told_as_a_problem(
    name: str, status: int, kind: str, words: str, answers: dict[str, httpx.Response]
) -> None:
    answer = answers[name]
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"urn:churn-mlops:problem:{kind}"
    assert problem["status"] == status
    assert words in answer.text
    assert problem["request_id"] == answer.headers["x-request-id"]
    # Nothing of the inside, and no flood.
    assert not any(word in answer.text for word in ("Traceback", "pydantic", "site-packages"))
    assert len(answer.content) < 10_000


def lines(text: str) -> Iterator[Any]:
    return map(json.loads, text.splitlines())


def test_a_bad_line_of_a_stream_is_answered_in_its_place(tmp_path: Any) -> None:
    good, risk = golden_request()
    body = b"\n".join(
        [
            json.dumps(good).encode(),
            b"{",
            b'{"user_id": 2, "features": {"x": 1}}',
            b"x" * 300_000,
            json.dumps({**good, "user_id": "last"}).encode(),
        ]
    )

    async def question(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post(
            "/predict/batch", headers={"content-type": "application/x-ndjson"}, content=body
        )

    answer = ask(workspace(tmp_path), question)
    first, half, unknown, long, last = lines(answer.text)
    assert first["churn_risk"] == pytest.approx(risk, abs=1e-6)
    assert (half["line"], half["problem"]["status"]) == (2, 400)
    assert (unknown["line"], unknown["problem"]["status"]) == (3, 422)
    assert (long["line"], long["problem"]["status"]) == (4, 413)
    assert last["user_id"] == "last"
    assert last["churn_risk"] == first["churn_risk"]
