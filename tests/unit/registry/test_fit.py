"""A model fits the parameters that it was trained with, and no others."""

from __future__ import annotations

import pytest

from churn_mlops.errors import BundleError
from churn_mlops.params import Params
from churn_mlops.registry.fit import require_fit
from tests.conftest import merge
from tests.trained import bundle, trained


def changed(**over):
    return Params.model_validate(merge(trained()[0].model_dump(), over))


def test_a_model_fits_the_parameters_of_its_training():
    assert require_fit(bundle(), trained()[0]) is None


def test_what_is_not_part_of_the_contract_may_change():
    free = changed(
        training={"seed": 7, "test_size": 0.5},
        promotion={"margin": 0.5},
        scoring={"top_k": 3},
        tables={"format": "parquet"},
    )
    assert require_fit(bundle(), free) is None


@pytest.mark.parametrize(
    ("static", "words"),
    [
        ({"age": "numeric"}, "differ in 1 features: age"),
        ({"plan": "numeric"}, "differ in 1 features: plan"),
        ({f"x{i}": "numeric" for i in range(7)}, "differ in 7 features: x0, x1, x2, x3, x4, …"),
    ],
)
def test_other_features_do_not_fit(static, words):
    with pytest.raises(BundleError, match=words) as caught:
        require_fit(bundle(), changed(features={"static": static}))
    assert caught.value.exit_code == 16
    assert "dvc repro" in caught.value.fix


def test_a_feature_that_is_gone_does_not_fit():
    tree = trained()[0].model_dump()
    del tree["features"]["static"]["country"]
    with pytest.raises(BundleError, match="differ in 1 features: country\n"):
        require_fit(bundle(), Params.model_validate(tree))


@pytest.mark.parametrize(
    ("churn", "words"),
    [
        ({"window_days": 14}, r"window_days: 7 \(now 14\)"),
        ({"active_within_days": None}, r"active_within_days: 30 \(now None\)"),
        ({"active_events": ("login",)}, "active_events: .* \\(now \\('login',\\)\\)"),
    ],
)
def test_another_meaning_of_churn_does_not_fit(churn, words):
    with pytest.raises(BundleError, match=f"another meaning of churn: {words}"):
        require_fit(bundle(), changed(churn=churn))
