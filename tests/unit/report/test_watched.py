from __future__ import annotations

import pytest
from pydantic import ValidationError

from churn_mlops.report.watched import Performance, Realised, ScoreProxy
from tests.unit.report import watched


def test_metrics_are_gathered_from_between_the_other_keys() -> None:
    found = Performance.model_validate(watched.performance())
    first = found.history[0].realised
    assert first is not None
    assert set(first.metrics) == {"pr_auc", "roc_auc", "profit"}
    assert (first.users, first.unlabelled) == (1_238, 2)
    assert found.realised is not None
    assert found.realised.as_of_date == found.history[39].as_of_date
    assert found.realised.metrics["pr_auc"].estimated is not None


def test_a_shape_can_be_built_from_itself() -> None:
    one = Realised.model_validate({"users": 3, "pr_auc": {"value": None}})
    assert Realised.model_validate(one.model_dump()) == one
    assert one.metrics["pr_auc"].value is None


@pytest.mark.parametrize("body", [{}, {"as_of_date": "yesterday"}, [], {"as_of_date": None}])
def test_what_has_no_day_is_refused(body: object) -> None:
    for shape in (Performance, ScoreProxy):
        with pytest.raises(ValidationError):
            shape.model_validate(body)
