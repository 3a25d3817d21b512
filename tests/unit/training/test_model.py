from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from churn_mlops import engine
from churn_mlops.errors import BundleError
from churn_mlops.tables import scan
from churn_mlops.training import model as module
from churn_mlops.training.build_training_set import dataset_contract
from churn_mlops.training.calibrate import calibrate
from churn_mlops.training.data import read_data
from churn_mlops.training.model import PARITY, fit_model
from churn_mlops.training.rows import Rows, rows_per_day
from churn_mlops.training.split import split_days
from churn_mlops.training.train_baseline import BASELINE
from churn_mlops.training.train_candidate import CANDIDATE
from tests.trained import bundle, trained

FAMILIES = {family.name: family for family in (BASELINE, CANDIDATE)}


@pytest.fixture(scope="module")
def data():
    params = trained()[0]
    with engine.connect(params) as con:
        table = scan(con, dataset_contract(params), params)
        return read_data(con, table, split_days(rows_per_day(table), params), params)


@pytest.fixture(scope="module")
def models(data):
    return {name: fit_model(family, data, trained()[0]) for name, family in FAMILIES.items()}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_exported_model_scores_as_the_trainer_does(models, data, name):
    model, matrix = models[name]
    assert model.encoding.style == FAMILIES[name].style
    assert matrix.shape == (len(data.fit), model.encoding.width)
    for rows in (data.test, data.calibration):
        raw = model.fitted.log_odds(model.encoding.encode(rows.columns))
        expected = model.calibrated.calibration.apply(raw)
        np.testing.assert_allclose(model.risks(rows), expected, rtol=0, atol=PARITY)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_bundle_scores_as_the_trainer_does(models, data, name):
    model, _ = models[name]
    loaded = bundle(name)
    raw = model.fitted.log_odds(loaded.encode(data.test.columns))
    expected = loaded.meta.calibration.apply(raw)
    found = loaded.score(loaded.encode(data.test.columns))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_calibration_sees_the_users_that_were_set_aside_and_nobody_else(models, data, name):
    model, _ = models[name]
    rows = data.calibration
    raw = model.fitted.log_odds(model.encoding.encode(rows.columns))
    assert model.calibrated == calibrate(raw, rows.labels, rows.users)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_fit_sees_neither_calibration_nor_test_rows(models, data, name):
    """Other labels there change the calibration, never the fit."""

    def upside_down(rows):
        return Rows(rows.columns, 1 - rows.labels, rows.days, rows.users)

    other = dataclasses.replace(
        data, calibration=upside_down(data.calibration), test=upside_down(data.test)
    )
    again, _ = fit_model(FAMILIES[name], other, trained()[0])
    model, _ = models[name]
    assert again.fitted.model == model.fitted.model
    assert again.encoding.model_dump() == model.encoding.model_dump()
    assert again.calibrated.calibration != model.calibrated.calibration


@pytest.mark.parametrize("name", FAMILIES)
def test_fitting_again_gives_the_same_bytes(models, data, name):
    assert fit_model(FAMILIES[name], data, trained()[0])[0].onnx == models[name][0].onnx


@pytest.mark.parametrize("name", FAMILIES)
def test_an_export_that_scores_otherwise_is_an_error(monkeypatch, data, name):
    real = module.to_onnx

    def slightly_off(fitted, calibration, width):
        key = "log_odds" if calibration.method == "isotonic" else "parameters"
        values = getattr(calibration, key)
        moved = (*values[:-1], values[-1] + 0.01)
        return real(fitted, calibration.model_copy(update={key: moved}), width)

    monkeypatch.setattr(module, "to_onnx", slightly_off)
    with pytest.raises(BundleError, match=r"differ by up to .* on the test rows") as caught:
        fit_model(FAMILIES[name], data, trained()[0])
    assert "onnxruntime" in str(caught.value.fix)


def test_scores_that_are_no_numbers_do_not_pass_for_equal(monkeypatch, data):
    monkeypatch.setattr(module.Model, "risks", lambda self, rows: np.full(len(rows), np.nan))
    with pytest.raises(BundleError, match="nan"):
        fit_model(BASELINE, data, trained()[0])
