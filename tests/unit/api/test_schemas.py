from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from churn_mlops.api.schemas import Prediction, Readiness, ScoredUser, UserId

ID: TypeAdapter[int | str] = TypeAdapter(UserId)


@pytest.mark.parametrize("user_id", [0, -1, 2**63 - 1, -(2**63), "u", "17", "ü" * 256])
def test_ids_are_numbers_or_texts(user_id: int | str) -> None:
    assert ID.validate_python(user_id) == user_id
    assert type(ID.validate_python(user_id)) is type(user_id)


@pytest.mark.parametrize("user_id", [2**63, 1.0, True, "", "x" * 257, None, [1]])
def test_nothing_else_is_an_id(user_id: object) -> None:
    with pytest.raises(ValidationError):
        ID.validate_python(user_id)


def test_answers_of_a_later_version_can_be_read() -> None:
    told = {"ready": True, "model": "m", "source": "folder", "stale": False, "news": 1}
    assert Readiness.model_validate(told).ready
    with pytest.raises(ValidationError):
        Prediction.model_validate({"user_id": 1, "churn_risk": 1.5})


def test_a_user_keeps_the_columns_that_depend_on_the_features() -> None:
    told = {
        "user_id": 1, "as_of_date": "2025-04-30", "churn_risk": 0.5, "risk_rank": 1,
        "decision": "hold_out", "reasons": [], "model_version": "x", "plan": "free",
    }  # fmt: skip
    assert ScoredUser.model_validate(told).model_dump(mode="json") == told
