from __future__ import annotations

import numpy as np
import pytest

from churn_mlops.errors import LeakageError
from churn_mlops.features.catalogue import Feature
from churn_mlops.training.leakage import check_leakage
from churn_mlops.training.rows import Rows

AWAY = Feature("away", "numeric", "int32", "days", "days since the last active day")
CITY = Feature("city", "categorical", "string", "", "known at sign-up")
AGE = Feature("age", "numeric", "int32", "", "known at sign-up")
SHARE = Feature("share", "numeric", "float64", "", "known at sign-up")
FEATURES = [AWAY, CITY]
N = 400


def rows(first="2025-01-01", days=10, users=100, **columns):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, N).astype(np.int8)
    values = {
        "away": labels + rng.normal(0, 1, N),
        "city": np.array([f"city {i % 7}" for i in range(N)], dtype=object),
    }
    values |= {name: make(labels) if callable(make) else make for name, make in columns.items()}
    day = np.datetime64(first) + np.arange(N) % days
    return Rows(values, labels, day, np.arange(N) % users)


@pytest.fixture
def params(make_params):
    return make_params({"churn": {"window_days": 7}})


def check(params, train=None, test=None, features=FEATURES):
    found = check_leakage(train or rows(), test or rows("2025-02-01"), features, params)
    return {finding.id: finding for finding in found}


def test_sound_data_passes_every_check(params):
    found = check(params)
    assert list(found) == ["CHN301", "CHN303", "CHN304", "CHN305"]
    assert {finding.status for finding in found.values()} == {"passed"}
    assert found["CHN301"].facts() == {
        "id": "CHN301",
        "status": "passed",
        "text": found["CHN301"].text,
    }


# Training days are 1 to 10 January, the last label is decided on the 17th.
@pytest.mark.parametrize(("first_test", "passes"), [("2025-01-17", False), ("2025-01-18", True)])
def test_no_label_may_look_into_the_test_days(params, first_test, passes):
    if passes:
        found = check(params, test=rows(first_test))
        assert "2025-01-17" in found["CHN301"].text
        assert found["CHN301"].status == "passed"
        return
    with pytest.raises(LeakageError, match=r"CHN301.*2025-01-17.*2025-01-17"):
        check(params, test=rows(first_test))


@pytest.mark.parametrize(
    "column",
    [
        lambda labels: labels * 1.0,
        lambda labels: 1.0 - labels,
        # Being missing gives the label away as well.
        lambda labels: np.where(labels == 1, np.nan, 5.0),
    ],
)
def test_a_feature_that_alone_tells_the_label_is_refused(params, column):
    with pytest.raises(LeakageError, match=r"CHN303.*away, ROC-AUC 1\.000") as caught:
        check(params, train=rows(away=column))
    assert caught.value.exit_code == 20
    assert "validation.muted" in str(caught.value)


def test_a_strong_feature_is_named_but_passes(params):
    def strong(labels):
        return labels + np.random.default_rng(1).normal(0, 0.4, N)

    found = check(params, train=rows(away=strong))["CHN303"]
    assert found.status == "passed"
    assert 0.9 < float(found.text.split()[-1]) < 0.995


def test_without_a_numeric_feature_there_is_nothing_to_separate(params):
    assert check(params, features=[CITY])["CHN303"].status == "not_applicable"


def test_one_class_does_not_crash_the_check(params):
    train = rows()
    train = Rows(train.columns, np.zeros(N, np.int8), train.days, train.users)
    assert check(params, train=train)["CHN303"].status == "passed"


def per_user(kind):
    """A value of its own for each of 100 users."""
    users = np.arange(N) % 100
    return np.array([f"u{u}" for u in users], dtype=object) if kind == "text" else users


@pytest.mark.parametrize(
    ("feature", "kind"), [(CITY, "text"), (AGE, "number")], ids=["text", "number"]
)
def test_a_column_that_tells_single_users_apart_is_refused(params, feature, kind):
    train = rows(**{feature.name: per_user(kind)})
    with pytest.raises(LeakageError, match=f"CHN304: {feature.name} tell"):
        check(params, train=train, features=[AWAY, feature])


def test_measured_numbers_may_differ_for_everybody(params):
    train = rows(share=per_user("number") / 7, age=np.arange(N) % 50)
    assert check(params, train=train, features=[AWAY, SHARE, AGE])["CHN304"].status == "passed"


def test_missing_values_do_not_count_as_different_ones(params):
    city = np.array([None, np.nan, "a", "b"] * 100, dtype=object)
    assert check(params, train=rows(city=city))["CHN304"].status == "passed"


@pytest.mark.parametrize("name", ["user_id", "event_id", "as_of_date"])
def test_an_identifier_as_a_feature_is_refused(params, name):
    identifier = Feature(name, "numeric", "int32", "", "an id")
    column = {name: np.random.default_rng(0).integers(0, 9, N)}
    with pytest.raises(LeakageError, match=f"CHN304: {name}"):
        check(params, train=rows(**column), features=[AWAY, identifier])


def test_shared_users_are_told_but_allowed(params):
    found = check(params, train=rows(users=100), test=rows("2025-02-01", users=200))["CHN305"]
    assert found.status == "passed"
    assert "100 of 200 test users (50%)" in found.text


def test_a_muted_check_warns_and_the_others_still_stop(make_params):
    given = {"churn": {"window_days": 7}, "validation": {"muted": ("CHN303",)}}
    params = make_params(given)
    leaking = rows(away=lambda labels: labels * 1.0)
    found = check(params, train=leaking)["CHN303"]
    assert found.status == "warning"
    assert found.text.endswith("(muted)")
    with pytest.raises(LeakageError) as caught:
        check(params, train=leaking, test=rows("2025-01-12"))
    assert "CHN301" in str(caught.value)
    assert "CHN303" not in str(caught.value)


def test_all_that_failed_is_named_at_once(params):
    train = rows(away=lambda labels: labels * 1.0, city=per_user("text"))
    with pytest.raises(LeakageError) as caught:
        check(params, train=train, test=rows("2025-01-12"))
    assert all(f"CHN30{n}" in str(caught.value) for n in (1, 3, 4))
