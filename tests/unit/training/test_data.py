from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from churn_mlops import engine
from churn_mlops.errors import LeakageError, NotEnoughDataError
from churn_mlops.features.catalogue import model_features
from churn_mlops.tables import scan
from churn_mlops.training.build_training_set import dataset_contract
from churn_mlops.training.calibrate import set_aside
from churn_mlops.training.data import read_data
from churn_mlops.training.rows import rows_per_day
from churn_mlops.training.split import Split, split_days
from tests.conftest import merge
from tests.trained import trained


def read(split=None, **over):
    params = trained()[0]
    params = type(params).model_validate(merge(params.model_dump(), over))
    with engine.connect(params) as con:
        table = scan(con, dataset_contract(params), params)
        return read_data(con, table, split or split_days(rows_per_day(table), params), params)


@pytest.fixture(scope="module")
def data():
    return read()


def test_fitting_calibration_and_test_rows_are_apart(data):
    assert not set(data.fit.users.tolist()) & set(data.calibration.users.tolist())
    for rows in (data.fit, data.calibration):
        assert set(rows.days.tolist()) <= set(data.split.train_days)
        assert len(rows) > 50
    assert set(data.test.days.tolist()) == set(data.split.test_days)
    # Both kinds of users are tested: what was learned of them lies before the embargo.
    assert set(data.test.users.tolist()) & set(data.calibration.users.tolist())


def test_no_training_label_reaches_into_the_test_days(data):
    window = timedelta(days=trained()[0].churn.window_days)
    for rows in (data.fit, data.calibration):
        assert max(rows.days.tolist()) + window < min(data.test.days.tolist())


def test_no_row_of_the_training_days_is_lost(data):
    kept = len(data.fit) + len(data.calibration)
    params = trained()[0]
    with engine.connect(params) as con:
        counts = rows_per_day(scan(con, dataset_contract(params), params))
    assert kept == sum(counts[day] for day in data.split.train_days)
    assert len(data.test) == sum(counts[day] for day in data.split.test_days)


def test_who_calibrates_depends_on_the_user_alone(data):
    aside = set_aside(data.calibration.users, 0.15, 42)
    assert aside.all()
    assert not set_aside(data.fit.users, 0.15, 42).any()
    later = Split(data.split.train_days[5:20], data.split.test_days, data.split.embargo_days)
    again = read(later)
    assert set(again.calibration.users.tolist()) <= set(data.calibration.users.tolist())


def test_every_feature_of_the_model_is_read(data):
    names = {feature.name for feature in model_features(trained()[0])}
    for rows in (data.fit, data.calibration, data.test):
        assert set(rows.columns) == names
    assert [finding.id for finding in data.findings] == ["CHN301", "CHN303", "CHN304", "CHN305"]


def test_test_days_within_the_embargo_are_leakage(data):
    days = data.split.train_days
    with pytest.raises(LeakageError, match="CHN301"):
        read(Split(days[:30], days[33:], 7))


def test_too_few_users_to_calibrate_on_say_so(data):
    with pytest.raises(NotEnoughDataError, match=r"the calibration set .* 0 rows"):
        read(training={"calibration_share": 1e-9})


def test_days_without_rows_are_too_little_rather_than_a_crash(data):
    none = (data.split.train_days[0] - timedelta(days=400),)
    with pytest.raises(NotEnoughDataError, match=r"the train set .* 0 rows"):
        read(Split(none, data.split.test_days, 7))
    with pytest.raises(NotEnoughDataError, match=r"the test set .* 0 rows"):
        read(Split(data.split.train_days, none, 7))


def test_rows_stay_together(data):
    """A row's label, day and user are those of the table."""
    params = trained()[0]
    with engine.connect(params) as con:
        table = scan(con, dataset_contract(params), params)
        frame = table.select(
            "user_id", "as_of_date", "churn_label", "days_since_last_activity"
        ).to_pyarrow()
    expected = {
        (row["user_id"], row["as_of_date"]): (row["churn_label"], row["days_since_last_activity"])
        for row in frame.to_pylist()
    }
    rows = data.calibration
    for i in np.linspace(0, len(rows) - 1, 50).astype(int):
        key = (rows.users[i].item(), rows.days[i].item())
        found = rows.labels[i].item(), rows.columns["days_since_last_activity"][i].item()
        assert found == expected[key]
