from __future__ import annotations

import json

import numpy as np
import pytest

from churn_mlops.registry.golden import PLAIN_ROWS, golden_rows, plain
from tests.made_up import features
from tests.trained import bundle, trained


@pytest.mark.parametrize("name", ["baseline", "candidate"])
def test_rows_span_the_risks_and_include_odd_ones(name):
    model = bundle(name)
    table, _ = features(trained()[0], users=50, days=2, seed=3)
    columns = {feature: table[feature].to_numpy() for feature in model.meta.feature_names}
    encoding = model.meta.encoding
    risks = model.score(model.encode(columns))
    made = golden_rows(
        columns, risks, encoding, lambda row: float(model.score(model.encode_rows([row]))[0])
    )
    assert len(made) == PLAIN_ROWS + 1 + len(encoding.names) + len(encoding.categorical) + 2
    assert made[0]["churn_risk"] == risks.min()
    assert made[PLAIN_ROWS - 1]["churn_risk"] == risks.max()
    assert all(value is None for value in made[PLAIN_ROWS]["row"].values())
    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_cells_become_what_json_can_hold():
    assert plain(np.int32(3)) == 3
    assert plain(np.float64(2.0)) == 2
    assert plain(np.float64(0.1)) == 0.1
    assert plain(float("nan")) is None
    assert plain(None) is None
    assert plain("é") == "é"
