"""What the training and the gate really write is what the report reads."""

from __future__ import annotations

import json

import pytest

from churn_mlops.params import Params
from churn_mlops.registry.bundle import copy_bundle
from churn_mlops.report import write
from churn_mlops.training import backtest
from tests.made_up import write_tables
from tests.trained import params_in, train_both

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def params(tmp_path_factory: pytest.TempPathFactory) -> Params:
    folder = tmp_path_factory.mktemp("report")
    value = {"customer_value": 120.0, "contact_cost": 1.0, "offer_cost": 10.0}
    made = params_in(folder, scoring={"value": value})
    write_tables(made)
    train_both(made)
    backtest.run(made, cutoffs=2)
    copy_bundle(folder / "artifacts/models/candidate", folder / "artifacts/production")
    return made


def test_every_section_has_its_content(params: Params, tmp_path) -> None:
    page = tmp_path / "index.html"
    summary = write.run(params, page)
    text = page.read_text()
    assert summary.facts["models"] == 2
    assert summary.facts["champion"]
    for absent in ("No backtest has been run", "Nothing is said about what a contact is worth"):
        assert absent not in text
    assert "could not be read" not in text


def test_the_chosen_list_earns_at_most_the_best_one(params: Params) -> None:
    path = f"{params.paths.artifacts}/evaluation/candidate.json"
    with open(path) as file:
        profit = json.load(file)["profit"]
    assert profit["chosen_profit_per_user"] <= profit["best_profit_per_user"]
