from __future__ import annotations

import json
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from churn_mlops.api.schemas import Prediction
from churn_mlops.client import calls
from churn_mlops.client.calls import LineProblem
from churn_mlops.client.errors import ApiError, ApiUnavailableError


def test_a_row_says_what_is_missing() -> None:
    call = calls.predict(1, {"a": float("nan"), "b": np.float32(1.5), "c": None}, None, True, False)
    assert json.loads(call.content or b"") == {
        "user_id": 1,
        "features": {"a": None, "b": 1.5, "c": None},
    }
    assert call.query == {"explain": "true"}
    assert call.headers["content-type"] == "application/json"
    assert call.headers["x-request-id"] == call.request_id


def test_dates_are_sent_as_dates() -> None:
    call = calls.predict(1, {}, date(2025, 4, 30), False, False)
    assert json.loads(call.content or b"")["snapshot_date"] == "2025-04-30"


def test_lines_are_one_row_each() -> None:
    rows = [{"user_id": n, "features": {"text": "a\nb"}} for n in range(3)]
    content = calls.predict_lines(rows, True).content or b""
    assert [json.loads(line)["user_id"] for line in content.splitlines()] == [0, 1, 2]


def test_an_answer_in_lines_is_read_with_its_problems() -> None:
    good = {
        "user_id": 1, "churn_risk": 0.5, "decision": "none", "threshold": 0.6, "model_version": "x",
    }  # fmt: skip
    problem = {"type": "t", "title": "T", "status": 422, "detail": "d", "request_id": "r"}
    content = "\n".join(json.dumps(each) for each in (good, {"line": 2, "problem": problem}))
    first, second = calls.lines(content.encode(), 100)
    assert isinstance(first, Prediction)
    assert isinstance(second, LineProblem)
    assert (second.line, second.problem.status) == (102, 422)


def test_a_table_goes_out_and_comes_back() -> None:
    table = pa.table({"user_id": [1, 2]})
    assert calls.table(calls.predict_arrow(table, False).content or b"").equals(table)


@pytest.mark.parametrize(("status", "kind"), [(422, ApiError), (503, ApiUnavailableError)])
def test_a_refusal_keeps_what_the_api_said(status: int, kind: type) -> None:
    error = calls.refusal(calls.user(1), status, b"<html>")
    assert type(error) is kind
    assert (error.status, error.problem) == (status, None)
    assert str(status) in str(error)
