from __future__ import annotations

import json

import numpy as np
import pytest

from churn_mlops.registry.encoding import Categorical, Encoding, Numeric
from churn_mlops.registry.profile import QUANTILES, reference_profile


def profile(values, plans):
    number = Numeric(
        name="x",
        default=0.0,
        low=0.0,
        high=1.0,
        seen_minimum=0.0,
        seen_maximum=1.0,
        scale="linear",
        missing=True,
    )
    encoding = Encoding(
        style="linear",
        numeric=(number,),
        categorical=(Categorical(name="plan", categories=("a",)),),
    )
    columns = {"x": np.array(values, float), "plan": np.array(plans, object)}
    made = reference_profile(columns, encoding, np.linspace(0, 1, len(values)), ("a", "b"))
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    return made


def test_atoms_quantiles_and_shares():
    made = profile([0] * 50 + [np.nan] * 25 + list(range(1, 26)), ["a"] * 60 + [None] * 40)
    x = made["numeric"]["x"]
    assert x["atoms"] == [[0.0, 0.5]]
    assert x["missing_share"] == 0.25
    assert len(x["quantiles"]) == len(QUANTILES)
    assert x["quantiles"][-1] == 25
    assert made["categorical"]["plan"] == {
        "missing_share": pytest.approx(0.4),
        "shares": {"a": 0.6},
    }
    assert made["risk"]["mean"] == pytest.approx(0.5)
    assert (made["rows"], made["first_day"], made["last_day"]) == (100, "a", "b")


def test_nothing_but_missing_values():
    made = profile([np.nan] * 3, [None] * 3)
    assert made["numeric"]["x"]["mean"] is None
    assert made["numeric"]["x"]["missing_share"] == 1
