from __future__ import annotations

import numpy as np
import pytest

from churn_mlops.errors import BundleError
from churn_mlops.registry import profile as module
from churn_mlops.registry.profile import Profile, pack_profile, read_profile


def made(days: int, users: int) -> Profile:
    rows = days * users
    day = np.repeat(np.datetime64("2025-03-01") + np.arange(days), users)
    plans = np.array(["a", None], dtype=object)[np.arange(rows) % 2]
    columns = {"x": np.where(np.arange(rows) % 5, np.arange(rows), np.nan), "plan": plans}
    ids = np.tile([f"user-{n}" for n in range(users)], days)
    return Profile(columns, day, ids, np.linspace(0, 1, rows), np.arange(rows) % 2)


def test_what_is_packed_is_read():
    given = made(3, 10)
    read = read_profile(pack_profile(given, 1))
    assert np.array_equal(read.columns["x"], given.columns["x"], equal_nan=True)
    assert read.columns["plan"].tolist() == given.columns["plan"].tolist()
    assert np.array_equal(read.days, given.days)
    assert np.array_equal(read.risks, given.risks)
    assert np.array_equal(read.labels, given.labels)


def test_no_user_is_named():
    packed = pack_profile(made(3, 10), 1)
    assert b"user-" not in packed
    assert np.array_equal(read_profile(packed).users, np.tile(np.arange(10), 3))


def test_features_may_have_any_name():
    given = made(3, 10)
    given = Profile({**given.columns, "user": given.risks}, *list(vars(given).values())[1:])
    read = read_profile(pack_profile(given, 1))
    assert np.array_equal(read.columns["user"], given.risks)
    assert np.array_equal(read.users, np.tile(np.arange(10), 3))


def test_the_last_days_are_kept():
    read = read_profile(pack_profile(made(90, 3), 1))
    assert len(np.unique(read.days)) == module.REFERENCE_DAYS
    assert read.days.max() == np.datetime64("2025-03-01") + 89


def test_many_rows_are_sampled_alike_each_time(monkeypatch):
    monkeypatch.setattr(module, "MAXIMUM_ROWS", 50)
    packed = pack_profile(made(5, 100), 1)
    assert len(read_profile(packed)) == 50
    assert packed == pack_profile(made(5, 100), 1)
    assert packed != pack_profile(made(5, 100), 2)


def test_another_file_is_refused():
    with pytest.raises(BundleError, match="reference_profile"):
        read_profile(b"PAR1 not really")
