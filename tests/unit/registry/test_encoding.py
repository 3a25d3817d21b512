from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.errors import BundleError
from churn_mlops.registry.encoding import Categorical, Encoding, Numeric


def encoding(style="linear"):
    def number(name, scale="linear", missing=False):
        return Numeric(
            name=name,
            default=2.0,
            low=0.0,
            high=10.0,
            seen_minimum=0.0,
            seen_maximum=50.0,
            scale=scale,
            missing=missing,
        )

    return Encoding(
        style=style,
        numeric=(number("logins", "log"), number("score", missing=True)),
        categorical=(Categorical(name="plan", categories=("free", "pro")),),
    )


def columns(logins, score, plan):
    return {
        "logins": np.array(logins, dtype=float),
        "score": np.array(score, dtype=float),
        "plan": np.array(plan, dtype=object),
    }


def test_columns_are_named_and_owned():
    names = [name for name, _ in encoding().matrix_columns]
    assert names == [
        "logins",
        "score",
        "score=<missing>",
        "plan=free",
        "plan=pro",
        "plan=<missing>",
        "plan=<other>",
    ]
    assert [owner for _, owner in encoding().matrix_columns][2:4] == ["score", "plan"]
    assert encoding().width == 7


def test_linear_style_fills_clips_scales_and_opens_slots():
    matrix = encoding().encode(
        columns([0, 99, np.nan], [np.nan, -5, 7], ["pro", None, "unheard of"])
    )
    log = np.log1p([0.0, 10.0, 2.0])
    expected = [
        [log[0], 2, 1, 0, 1, 0, 0],
        [log[1], 0, 0, 0, 0, 1, 0],
        [log[2], 7, 0, 0, 0, 0, 1],
    ]
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, np.array(expected, dtype=np.float32))


def test_tree_style_keeps_numbers_and_missing():
    matrix = encoding("tree").encode(
        columns([0, 99, 5], [1, np.nan, 3], ["pro", None, "unheard of"])
    )
    np.testing.assert_array_equal(
        matrix, np.array([[0, 1, 1], [99, np.nan, np.nan], [5, 3, 2]], dtype=np.float32)
    )


def test_tree_style_takes_the_default_where_training_saw_nothing_missing():
    matrix = encoding("tree").encode(columns([np.nan], [np.nan], ["pro"]))
    np.testing.assert_array_equal(matrix, np.array([[2, np.nan, 1]], dtype=np.float32))


numbers = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(-9, 99))
plans = st.sampled_from(["free", "pro", None, "", "é", float("nan")])


@pytest.mark.parametrize("style", ["linear", "tree"])
@given(rows=st.lists(st.tuples(numbers, numbers, plans), min_size=1, max_size=20))
def test_a_row_alone_is_encoded_as_among_others(style, rows):
    made = encoding(style)
    together = made.encode(columns(*map(list, zip(*rows, strict=True))))
    for i, (logins, score, plan) in enumerate(rows):
        alone = made.encode_rows([{"logins": logins, "score": score, "plan": plan}])
        np.testing.assert_array_equal(alone[0], together[i])


def test_linear_matrix_is_always_finite():
    wild = columns([np.inf, -np.inf, np.nan], [1e300, -1e300, 0], [None, "x", "free"])
    assert np.isfinite(encoding().encode(wild)).all()


def test_chunks_do_not_show(monkeypatch):
    many = columns(range(100), range(100), ["free", None] * 50)
    whole = encoding().encode(many)
    monkeypatch.setattr("churn_mlops.registry.encoding.CHUNK_ROWS", 7)
    np.testing.assert_array_equal(encoding().encode(many), whole)


def test_integer_columns_and_no_rows_work():
    made = encoding()
    ints = {"logins": np.array([1]), "score": np.array([2], np.int8), "plan": np.array(["free"])}
    assert made.encode(ints)[0, 1] == 2
    assert made.encode(columns([], [], [])).shape == (0, 7)


def test_absent_and_wrong_columns_are_named():
    with pytest.raises(BundleError, match="lacks 1 of the model's features: plan"):
        encoding().encode({"logins": np.zeros(1), "score": np.zeros(1)})
    wrong = columns([1], [1], ["free"]) | {"logins": np.array(["many"], dtype=object)}
    with pytest.raises(BundleError, match="'logins' must be numeric"):
        encoding().encode(wrong)
    with pytest.raises(BundleError, match="numeric feature"):
        encoding().encode_rows([{"logins": "many"}])


def test_it_survives_json():
    made = encoding()
    assert Encoding.model_validate_json(made.model_dump_json()) == made
