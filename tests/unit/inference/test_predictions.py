from __future__ import annotations

from datetime import date

from churn_mlops.features.catalogue import features_contract
from churn_mlops.inference.predictions import (
    latest_path,
    predictions_contract,
    predictions_path,
    store_path,
    top_path,
)


def test_paths_are_those_of_the_specification(make_params):
    params, day = make_params(), date(2025, 4, 30)
    assert str(predictions_path(params, day)) == "data/predictions/churn_predictions_2025-04-30.csv"
    assert str(top_path(params, day)) == "data/predictions/churn_top_100_2025-04-30.csv"
    assert str(latest_path(params)) == "data/predictions/batch_predictions_latest.csv"
    assert str(store_path(params)) == "data/predictions/batch_predictions_latest.sqlite"


def test_a_list_that_pays_has_no_fixed_length_in_its_name(make_params):
    value = {"customer_value": 100.0, "contact_cost": 1.0}
    path = top_path(make_params({"scoring": {"value": value}}), date(2025, 4, 30))
    assert path.name == "churn_top_value_2025-04-30.csv"


def test_context_follows_the_parameters(make_params):
    params = make_params({"features": {"windows_days": (5, 60)}})
    params = params.model_copy(
        update={"features": params.features.model_copy(update={"static": {"city": "categorical"}})}
    )
    columns = {column.name: column for column in features_contract(params).columns}
    contract = predictions_contract(params, columns)
    assert contract.names[-3:] == ("days_since_last_activity", "active_days_60d", "city")
    assert contract.path(params) == latest_path(params)
