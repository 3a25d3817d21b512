from __future__ import annotations

import lightgbm
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_mlops.errors import BundleError
from churn_mlops.registry.bundle import open_model, score
from churn_mlops.registry.calibration import Calibration
from churn_mlops.registry.meta import Linear, Trees
from churn_mlops.registry.onnx_check import DOMAINS, check_model
from churn_mlops.training.onnx_graph import to_onnx
from tests.conftest import examples
from tests.made_up import features
from tests.trained import bundle, trained

PLAIN = Calibration(method="sigmoid", parameters=(1.0, 0.0))
LINEAR = Linear(intercept=-1.0, coefficients=(0.5, -2.0, 1e-3), means=(0.0, 0.0, 0.0))
# x0 <= 1.5 (missing goes right) ? -1 : (x1 == 2 ? 0.5 : 2) and x2 <= 0 (missing left) ? -0.25 : 1
TREES = Trees(
    roots=(0, 5),
    feature=(0, -1, 1, -1, -1, 2, -1, -1),
    threshold=(1.5, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    categorical=(False, False, True, False, False, False, False, False),
    missing_left=(False, False, False, False, False, True, False, False),
    left=(1, -1, 3, -1, -1, 6, -1, -1),
    right=(2, -1, 4, -1, -1, 7, -1, -1),
    value=(0.0, -1.0, 0.0, 0.5, 2.0, 0.0, -0.25, 1.0),
    cover=(10.0, 6.0, 4.0, 1.0, 3.0, 10.0, 5.0, 5.0),
)


def walk(trees, row):
    """The leaf values as `Trees` describes them, one row at a time."""
    total = 0.0
    for node in trees.roots:
        while trees.feature[node] >= 0:
            x = row[trees.feature[node]]
            if np.isnan(x):
                left = trees.missing_left[node]
            elif trees.categorical[node]:
                left = x == trees.threshold[node]
            else:
                left = x <= trees.threshold[node]
            node = trees.left[node] if left else trees.right[node]
        total += trees.value[node]
    return total


def raw(model, matrix):
    if isinstance(model, Linear):
        return model.intercept + matrix.astype(np.float64) @ np.array(model.coefficients)
    # The tree operator answers in float32.
    sums = np.array([walk(model, row) for row in matrix.astype(np.float64)])
    return sums.astype(np.float32).astype(np.float64)


def run(model, calibration, matrix):
    made = to_onnx(model, calibration, matrix.shape[1])
    check_model(made)
    return score(open_model(made, matrix.shape[1]), matrix)


def matrix(n=300, seed=0):
    rng = np.random.default_rng(seed)
    made = np.column_stack(
        [rng.normal(1.5, 2, n).round(1), rng.integers(0, 5, n), rng.normal(0, 100, n)]
    )
    return made.astype(np.float32)


WEIGHTS = st.floats(0, 3)
SHIFT = st.floats(-6, 6)


@st.composite
def isotonic(draw):
    places = draw(st.sets(st.integers(-200, 200), min_size=2, max_size=50))
    count = len(places)
    levels = draw(st.lists(st.floats(-14, 14), min_size=count, max_size=count))
    return Calibration(
        method="isotonic",
        log_odds=tuple(place / 20 for place in sorted(places)),
        logits=tuple(sorted(levels)),
    )


CALIBRATIONS = st.one_of(
    st.builds(lambda a, b: Calibration(method="sigmoid", parameters=(a, b)), WEIGHTS, SHIFT),
    st.builds(
        lambda a, b, c: Calibration(method="beta", parameters=(a, b, c)), WEIGHTS, WEIGHTS, SHIFT
    ),
    isotonic(),
)
ROWS = st.lists(st.tuples(*[st.floats(-30, 30, width=32)] * 3), min_size=1, max_size=20).map(
    lambda rows: np.array(rows, dtype=np.float32)
)


@settings(max_examples=examples(120))
@given(CALIBRATIONS, ROWS)
def test_a_linear_model_gives_the_calibrated_probability(calibration, rows):
    expected = calibration.apply(raw(LINEAR, rows))
    np.testing.assert_allclose(run(LINEAR, calibration, rows), expected, rtol=0, atol=1e-6)


@settings(max_examples=examples(120))
@given(CALIBRATIONS, st.data())
def test_trees_give_the_calibrated_probability(calibration, data):
    cell = st.one_of(
        st.floats(-30, 30, width=32), st.sampled_from([float("nan"), 0.0, 1.5, 2.0, 99.0])
    )
    rows = np.array(
        data.draw(st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=20)), dtype=np.float32
    )
    expected = calibration.apply(raw(TREES, rows))
    np.testing.assert_allclose(run(TREES, calibration, rows), expected, rtol=0, atol=1e-6)


@settings(max_examples=examples(60))
@given(CALIBRATIONS, st.lists(st.sampled_from([-800.0, -100, 0, 100, 800]), min_size=1))
def test_extreme_scores_stay_probabilities(calibration, scores):
    identity = Linear(intercept=0.0, coefficients=(1.0,), means=(0.0,))
    rows = np.array(scores, dtype=np.float32)[:, None]
    found = run(identity, calibration, rows)
    np.testing.assert_allclose(found, calibration.apply(rows[:, 0]), rtol=0, atol=1e-6)


@settings(max_examples=examples(60))
@given(st.data())
def test_any_trees_go_where_their_description_says(data):
    trees = data.draw(forests())
    cell = st.sampled_from([float("nan"), -3.0, -1.0, 0.0, 1.0, 2.0, 3.0])
    rows = np.array(
        data.draw(st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=12)), dtype=np.float32
    )
    trees.require_width(3)
    found = run(trees, PLAIN, rows)
    np.testing.assert_allclose(found, PLAIN.apply(raw(trees, rows)), rtol=0, atol=1e-6)


@st.composite
def forests(draw):
    fields = {name: [] for name in Trees.model_fields if name != "roots"}

    def leaf():
        place = len(fields["feature"])
        for name, value in (("feature", -1), ("left", -1), ("right", -1), ("threshold", 0.0)):
            fields[name].append(value)
        fields["categorical"].append(False)
        fields["missing_left"].append(False)
        fields["value"].append(draw(st.integers(-40, 40)) / 16)
        fields["cover"].append(1.0)
        return place

    def grow(depth):
        place = leaf()
        if depth and draw(st.booleans()):
            fields["feature"][place] = draw(st.integers(0, 2))
            fields["categorical"][place] = draw(st.booleans())
            fields["threshold"][place] = float(draw(st.integers(-3, 3)))
            fields["missing_left"][place] = draw(st.booleans())
            fields["value"][place] = 0.0
            fields["left"][place] = grow(depth - 1)
            fields["right"][place] = grow(depth - 1)
        return place

    roots = tuple(grow(3) for _ in range(draw(st.integers(1, 4))))
    return Trees(roots=roots, **{name: tuple(values) for name, values in fields.items()})


CHOSEN = {
    "sigmoid": Calibration(method="sigmoid", parameters=(0.7, -0.3)),
    "beta": Calibration(method="beta", parameters=(0.7, 1.4, 0.2)),
    "isotonic": Calibration(method="isotonic", log_odds=(-2.0, 0.0, 0.5), logits=(-2.2, -0.4, 2.2)),
}


@pytest.mark.parametrize("method", CHOSEN)
@pytest.mark.parametrize("model", [LINEAR, TREES], ids=["linear", "trees"])
def test_a_row_does_not_depend_on_the_others(model, method):
    rows = matrix()
    session = open_model(to_onnx(model, CHOSEN[method], 3), 3)
    together = np.round(score(session, rows), 6)
    alone = np.array([np.round(score(session, row[None])[0], 6) for row in rows])
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(np.round(score(session, rows[::-1]), 6)[::-1], together)


@pytest.mark.parametrize("name", ["baseline", "candidate"])
def test_a_trained_models_row_does_not_depend_on_the_others(name):
    table, _ = features(trained()[0], users=120, days=3, seed=9)
    columns = {feature: table[feature].to_numpy() for feature in bundle(name).meta.feature_names}
    rows = bundle(name).encode(columns)
    together = np.round(bundle(name).score(rows), 6)
    alone = [np.round(bundle(name).score(row[None])[0], 6) for row in rows]
    np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize("threads", [1, 2])
def test_no_rows_give_no_risks(threads):
    for model in (LINEAR, TREES):
        session = open_model(to_onnx(model, PLAIN, 3), 3, threads)
        assert score(session, np.zeros((0, 3), np.float32)).shape == (0,)


def test_lightgbm_and_the_graph_agree_on_missing_values_and_categories():
    from churn_mlops.training.boosted_trees import trees_of

    rng = np.random.default_rng(4)
    rows = matrix(3000, seed=4)
    rows[rng.random(3000) < 0.2, 0] = np.nan
    rows[rng.random(3000) < 0.1, 1] = np.nan
    labels = (np.nan_to_num(rows[:, 0], nan=3.0) + (rows[:, 1] == 2) > 2).astype(int)
    data = lightgbm.Dataset(rows, labels, categorical_feature=[1])
    options = {"objective": "binary", "verbosity": -1, "max_cat_to_onehot": 1000, "num_threads": 1}
    booster = lightgbm.train(options, data, 12)
    trees = trees_of(booster.dump_model())
    asked = np.r_[rows, [[np.nan] * 3, [0, 7, 0], [np.inf, 2, -np.inf]]].astype(np.float32)
    expected = PLAIN.apply(booster.predict(asked, raw_score=True))
    np.testing.assert_allclose(run(trees, PLAIN, asked), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", CHOSEN)
@pytest.mark.parametrize("model", [LINEAR, TREES], ids=["linear", "trees"])
def test_the_same_model_gives_the_same_bytes(model, method):
    first = to_onnx(model, CHOSEN[method], 3)
    assert first == to_onnx(model.model_copy(), CHOSEN[method].model_copy(), 3)
    assert first != to_onnx(model, PLAIN, 3)


@pytest.mark.parametrize("method", CHOSEN)
def test_only_standard_operators_and_a_fixed_signature(method):
    proto = onnx.load_model_from_string(to_onnx(TREES, CHOSEN[method], 3))
    assert {opset.domain for opset in proto.opset_import} <= DOMAINS
    assert {node.domain for node in proto.graph.node} <= DOMAINS
    (takes,), (gives,) = proto.graph.input, proto.graph.output
    assert [d.dim_param or d.dim_value for d in takes.type.tensor_type.shape.dim] == ["rows", 3]
    assert (takes.name, gives.name) == ("matrix", "churn_risk")


def test_the_written_model_takes_its_own_width_only():
    with pytest.raises(BundleError, match="4 columns"):
        open_model(to_onnx(LINEAR, PLAIN, 3), 4)
