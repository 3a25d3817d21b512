from __future__ import annotations

import pytest

from churn_mlops.registry.meta import Linear, Trees
from churn_mlops.training.fitted import Fitted

LINEAR = Linear(intercept=0.0, coefficients=(1.0,), means=(0.0,))
TREES = Trees(
    roots=(0,),
    feature=(-1,),
    threshold=(0.0,),
    categorical=(False,),
    missing_left=(False,),
    left=(-1,),
    right=(-1,),
    value=(0.5,),
    cover=(1.0,),
)


@pytest.mark.parametrize("model", [LINEAR, TREES])
def test_a_model_is_either_linear_or_made_of_trees(model):
    fitted = Fitted("x", model, lambda block: block[:, 0], {}, {})
    assert {fitted.linear, fitted.trees} == {model, None}
    assert (fitted.linear is model) == isinstance(model, Linear)
