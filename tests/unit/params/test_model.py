"""Sections about models: impossible values are refused, defaults stand."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from churn_mlops.params import Candidate, Evaluation, Promotion, Scoring, Training, Value

VALUE = {"customer_value": 100.0, "contact_cost": 1.0}


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        (Training, {"test_size": 1.5}),
        (Training, {"calibration_share": 0.0}),
        (Training, {"validation_share": 1.0}),
        (Training, {"train_start": "2025-02-01", "train_end": "2025-01-01"}),
        (Training, {"test_end": "2025-01-01"}),
        (Candidate, {"max_depth": 13}),
        (Candidate, {"num_leaves": 1}),
        (Candidate, {"rounds": 0}),
        (Candidate, {"monotone": {"x": 2}}),
        (Evaluation, {"confidence": 1.0}),
        (Evaluation, {"resamples": 5}),
        (Promotion, {"mode": "on"}),
        (Promotion, {"metric": "accuracy"}),
        (Promotion, {"margin": -0.1}),
        (Scoring, {"holdout_share": 1.0}),
        (Scoring, {"reasons_for": "nobody"}),
        (Value, VALUE | {"success_rate": 0.0}),
        (Value, VALUE | {"budget": 0.0}),
        (Value, {"contact_cost": 1.0}),
    ],
)
def test_impossible_values_are_refused(section, wrong):
    with pytest.raises(ValidationError):
        section(**wrong)


def test_without_a_value_the_list_has_a_fixed_length():
    assert Scoring().value is None
    assert Scoring().top_k == 100


def test_a_value_has_a_success_rate_and_no_bound():
    value = Value(**VALUE)
    assert (value.success_rate, value.budget, value.offer_cost) == (0.3, None, 0.0)
