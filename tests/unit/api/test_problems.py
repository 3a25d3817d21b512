from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn_mlops.api.problems import KINDS, ProblemError
from churn_mlops.api.schemas import Mistake, Problem

DOCS = Path(__file__).parents[3] / "docs" / "api.md"


def test_a_problem_is_laid_out_as_rfc_9457_says() -> None:
    problem = ProblemError.of("busy", "come back", [Mistake(where="x", message="y")])
    body = json.loads(problem.body("r-1"))
    assert body == {
        "type": "urn:churn-mlops:problem:busy",
        "title": "The server is busy",
        "status": 503,
        "detail": "come back",
        "request_id": "r-1",
        "errors": [{"where": "x", "message": "y"}],
    }
    assert Problem.model_validate(body) == problem.problem("r-1")


def test_an_unknown_kind_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="no kind of problem"):
        ProblemError.of("odd", "")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_explained(kind: str) -> None:
    status, _ = KINDS[kind]
    assert 400 <= status < 600
    assert f"`{kind}`" in DOCS.read_text()
