from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from churn_mlops.api.intake import LARGEST, batch_class, mistakes_of, request_class
from churn_mlops.api.problems import KINDS, ProblemError
from tests.trained import bundle

META = bundle("candidate").meta
REQUEST = request_class(META)
NAMES = META.feature_names

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
)


def parsed(body: Any) -> Any:
    text = json.dumps(body) if not isinstance(body, bytes) else body
    return REQUEST.__pydantic_validator__.validate_json(text)


def outcome(body: Any) -> tuple[Any, ProblemError | None]:
    try:
        return parsed(body), None
    except ValidationError as error:
        return None, mistakes_of(error, NAMES)


@given(st.dictionaries(st.sampled_from([*NAMES, "logins_8d", ""]), scalars, max_size=6))
def test_what_passes_is_finite_and_known_and_all_else_is_told(features: dict[str, Any]) -> None:
    asked, problem = outcome({"user_id": 1, "features": features})
    if problem is not None:
        assert problem.kind in KINDS
        assert 400 <= problem.status < 500
        assert problem.errors or problem.kind == "invalid-json"
        return
    for name, value in asked.features.items():
        assert name in NAMES
        assert value is None or isinstance(value, str) or abs(value) <= LARGEST
        assert not isinstance(value, bool)


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_told(body: bytes) -> None:
    _, problem = outcome(body)
    assert problem is None or problem.status in (400, 422)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValidationError) as caught:
        parsed({"user_id": 1, "features": {"logins_8d": 1}})
    (mistake,) = mistakes_of(caught.value, NAMES).errors
    assert mistake.where == "features.logins_8d"
    assert "logins_7d" in mistake.message


def test_many_mistakes_are_counted_and_the_first_listed() -> None:
    with pytest.raises(ValidationError) as caught:
        parsed({"user_id": 1, "features": {f"x{n}": 1 for n in range(10_000)}})
    problem = mistakes_of(caught.value, NAMES)
    assert len(problem.errors) == 20
    assert "10000 mistakes; the first 20 are listed" in problem.detail
    assert problem.errors[0].where == "features.x0"


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert parsed({"user_id": 1, "features": {"logins_7d": 3.0}}).features["logins_7d"] == 3
    with pytest.raises(ValidationError):
        parsed({"user_id": 1, "features": {"logins_7d": 3.5}})


def test_a_batch_has_a_limit() -> None:
    batch = batch_class(REQUEST, 2)
    row = {"user_id": 1, "features": {}}
    assert len(batch.model_validate_json(json.dumps({"rows": [row] * 2})).rows) == 2  # type: ignore[attr-defined]
    for count in (0, 3):
        with pytest.raises(ValidationError):
            batch.model_validate_json(json.dumps({"rows": [row] * count}))
    assert math.isfinite(LARGEST)
