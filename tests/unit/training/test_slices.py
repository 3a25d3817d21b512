from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from churn_mlops.training.evaluate import calibration_error
from churn_mlops.training.slices import MINIMUM_OF_A_KIND, slice_metrics, slices

N = 600


def columns(**over):
    rng = np.random.default_rng(0)
    return {
        "plan": rng.choice(np.array(["free", "pro", None], dtype=object), N),
        "country": np.array(["DE"] * (N - 5) + ["FR"] * 5, dtype=object),
        "marketing_source": np.array([None, np.nan] * (N // 2), dtype=object),
        "days_since_signup": np.arange(N) % 120,
        **over,
    }


def labels():
    return (np.random.default_rng(1).random(N) < 0.4).astype(np.int8)


def names(params, columns=None, labels_=None):
    made = slices(
        columns or globals()["columns"](), labels() if labels_ is None else labels_, params
    )
    return {(by, value): mask for by, value, mask in made}


@pytest.fixture
def params(make_params):
    return make_params({"evaluation": {"minimum_slice_rows": 50}})


def test_groups_are_those_of_categories_missing_values_and_tenure(params):
    found = names(params)
    assert set(found) == {
        ("plan", "free"),
        ("plan", "pro"),
        ("plan", "<missing>"),
        ("country", "DE"),
        ("marketing_source", "<missing>"),
        ("tenure", "0 to 29 days"),
        ("tenure", "30 to 89 days"),
        ("tenure", "90 days or more"),
    }
    plans = columns()["plan"]
    for value in ("free", "pro"):
        np.testing.assert_array_equal(found["plan", value], plans == value)
    np.testing.assert_array_equal(found["plan", "<missing>"], plans == None)  # noqa: E711
    assert found["marketing_source", "<missing>"].all()
    tenure = columns()["days_since_signup"]
    np.testing.assert_array_equal(found["tenure", "0 to 29 days"], tenure < 30)
    np.testing.assert_array_equal(found["tenure", "90 days or more"], tenure >= 90)


def test_tenure_bands_cover_everybody_once_and_follow_the_parameter(make_params):
    params = make_params({"evaluation": {"minimum_slice_rows": 50, "tenure_days": (60, 20)}})
    found = names(params)
    bands = [mask for (by, _), mask in found.items() if by == "tenure"]
    assert [value for by, value in found if by == "tenure"] == [
        "0 to 19 days",
        "20 to 59 days",
        "60 days or more",
    ]
    np.testing.assert_array_equal(np.sum(bands, axis=0), 1)


def test_users_of_unknown_tenure_are_in_no_band(params):
    tenure = np.where(np.arange(N) < 100, np.nan, 40.0)
    found = names(params, columns(days_since_signup=tenure))
    bands = {value: mask for (by, value), mask in found.items() if by == "tenure"}
    assert set(bands) == {"30 to 89 days"}
    assert not bands["30 to 89 days"][:100].any()


@pytest.mark.parametrize(("rows", "there"), [(49, False), (50, True)])
def test_a_group_needs_the_minimum_of_rows(params, rows, there):
    country = np.array(["XX"] * rows + ["DE"] * (N - rows), dtype=object)
    alternating = np.arange(N) % 2
    assert (("country", "XX") in names(params, columns(country=country), alternating)) is there


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize(("of_a_kind", "there"), [(MINIMUM_OF_A_KIND - 1, False), (10, True)])
def test_a_group_needs_some_users_of_either_kind(params, kind, of_a_kind, there):
    country = np.array(["XX"] * 100 + ["DE"] * (N - 100), dtype=object)
    ends = labels()
    ends[:100] = 1 - kind
    ends[:of_a_kind] = kind
    assert (("country", "XX") in names(params, columns(country=country), ends)) is there


def test_the_attributes_can_be_named(make_params):
    over = {"minimum_slice_rows": 50, "slices": ("plan",)}
    found = names(make_params({"evaluation": over}))
    assert {by for by, _ in found} == {"plan", "tenure"}
    none = names(make_params({"evaluation": over | {"slices": ()}}))
    assert {by for by, _ in none} == {"tenure"}


def test_a_group_is_described_by_its_own_rows_only(params):
    risks = np.random.default_rng(2).random(N)
    users = np.arange(N) // 3
    found = slice_metrics(columns(), labels(), risks, users, params)
    pro = next(s for s in found if (s["by"], s["value"]) == ("plan", "pro"))
    mask = columns()["plan"] == "pro"
    own, told = labels()[mask], risks[mask]
    assert pro == {
        "by": "plan",
        "value": "pro",
        "rows": mask.sum(),
        "users": len(set(users[mask].tolist())),
        "base_rate": pytest.approx(own.mean()),
        "mean_risk": pytest.approx(told.mean()),
        "pr_auc": pytest.approx(average_precision_score(own, told)),
        "roc_auc": pytest.approx(roc_auc_score(own, told)),
        "ece": pytest.approx(calibration_error(own, told)),
    }
    assert len(found) == len(names(params))
