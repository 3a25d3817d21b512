from __future__ import annotations

import numpy as np
import pytest

from churn_mlops.inference import contributions
from churn_mlops.inference.contributions import Contributions
from churn_mlops.training.judge import judge
from churn_mlops.training.rows import Rows
from tests.conftest import merge
from tests.made_up import features
from tests.trained import bundle, trained

VALUE = {"customer_value": 100.0, "contact_cost": 1.0, "offer_cost": 5.0}


@pytest.fixture(scope="module")
def tested():
    table, labels = features(trained()[0], users=150, days=5, seed=8)
    order = np.lexsort((table["user_id"].to_numpy(), table["as_of_date"].to_numpy()))
    columns = {name: table[name].to_numpy()[order] for name in bundle().meta.feature_names}
    days = table["as_of_date"].to_numpy().astype("datetime64[D]")[order]
    return Rows(columns, labels[order], days, table["user_id"].to_numpy()[order])


def judged(rows, name="baseline", **over):
    params = trained()[0]
    params = type(params).model_validate(
        merge(params.model_dump(), merge({"evaluation": {"resamples": 30}}, over))
    )
    meta = bundle(name).meta
    risks = bundle(name).score(bundle(name).encode(rows.columns))
    return judge(rows, risks, meta.features, meta.encoding, meta.model, params), risks


@pytest.mark.parametrize("name", ["baseline", "candidate"])
def test_every_metric_of_the_model_and_of_the_rules_is_there(tested, name):
    found, _ = judged(tested, name)
    assert {"pr_auc", "ece", "lift_at_k", "pr_auc_recency", "pr_auc_gain"} <= set(found.metrics)
    assert set(found.intervals) <= set(found.metrics)
    assert set(found.curves) == {"pr", "roc", "calibration"}
    assert found.profit is None
    gain = found.metrics["pr_auc"] - max(
        found.metrics["pr_auc_recency"], found.metrics["pr_auc_activity"]
    )
    assert found.metrics["pr_auc_gain"] == pytest.approx(gain)


def test_the_threshold_is_where_the_days_lists_end(tested):
    found, risks = judged(tested, scoring={"top_k": 10})
    ends = [np.sort(risks[tested.days == day])[-10] for day in np.unique(tested.days)]
    assert found.thresholds == {"top_k": pytest.approx(np.mean(ends))}


def test_with_a_value_profit_and_its_threshold_are_judged(tested):
    found, _ = judged(tested, scoring={"value": VALUE})
    assert found.thresholds["profit"] == found.profit["break_even"] == pytest.approx(6 / 33.5)
    assert found.metrics["profit_per_user"] == found.profit["chosen_profit_per_user"]
    name = "expected_maximum_profit"
    assert found.metrics[name] == found.profit[name]
    assert found.profit["chosen_profit_per_user"] <= found.profit["best_profit_per_user"]


@pytest.mark.parametrize("name", ["baseline", "candidate"])
def test_importance_is_the_mean_size_of_the_contributions(tested, name, monkeypatch):
    meta = bundle(name).meta
    found, _ = judged(tested, name)
    sizes = np.abs(
        Contributions(meta.model, meta.encoding).of_features(meta.encoding.encode(tested.columns))
    ).mean(axis=0)
    expected = dict(zip(meta.encoding.names, sizes / sizes.sum(), strict=True))
    assert {e["feature"]: e["share"] for e in found.importance} == pytest.approx(expected)
    assert {e["feature"]: e["about"] for e in found.importance} == {
        facts.name: facts.about for facts in meta.features
    }
    # Of many rows an even selection stands for all.
    monkeypatch.setattr(contributions, "IMPORTANCE_ROWS", 150)
    fewer, _ = judged(tested, name)
    shares = {e["feature"]: e["share"] for e in fewer.importance}
    assert max(abs(shares[n] - expected[n]) for n in expected) < 0.05
