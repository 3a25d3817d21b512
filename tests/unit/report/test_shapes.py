from __future__ import annotations

from churn_mlops.report.shapes import Backtest, Evaluation, Promotion, Validation
from tests.unit.report import made


def test_the_files_fit_and_unknown_keys_are_passed_over() -> None:
    found = Evaluation.model_validate(made.evaluation() | {"news": 1})
    assert found.intervals["pr_auc"] == (0.789, 0.834)
    assert found.slices[5].value is None
    assert Promotion.model_validate(made.promotion(champion=None)).champion is None
    assert Backtest.model_validate(made.backtest()).points[0].model == "candidate"
    assert Validation.model_validate(made.validation()).tables["events"].rows_quarantined == 239


def test_missing_numbers_are_none() -> None:
    body = made.evaluation(profit=None, calibration=None)
    body["slices"][0]["pr_auc"] = None
    body["curves"]["pr"]["recall"][0] = None
    body["metrics"]["lift_at_k"] = None
    found = Evaluation.model_validate(body)
    assert found.slices[0].pr_auc is found.metrics["lift_at_k"] is found.profit is None
