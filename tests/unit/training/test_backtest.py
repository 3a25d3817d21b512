"""The backtest is the ordinary split at earlier dates."""

from __future__ import annotations

import csv
import itertools
import json
from datetime import timedelta

import pytest

from churn_mlops.errors import NotEnoughDataError
from churn_mlops.training import backtest
from churn_mlops.training.split import split_days
from tests.made_up import FIRST, write_tables
from tests.trained import params_in

ROWS = {FIRST + timedelta(days=d): 100 for d in range(53)}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backtest")
    params = params_in(folder, training={"candidate": {"rounds": 20}})
    write_tables(params)
    summary = backtest.run(params, cutoffs=3)
    body = json.loads((folder / "artifacts/metrics/backtest.json").read_text())
    return folder, summary, body


def test_the_first_split_is_the_present_one(tmp_path):
    params = params_in(tmp_path)
    split, moved = next(iter(backtest.earlier_splits(ROWS, 1, params)))
    assert split == split_days(ROWS, params) == split_days(ROWS, moved)


def test_test_days_follow_each_other_and_no_label_reaches_into_them(tmp_path):
    params = params_in(tmp_path)
    splits = [split for split, _ in backtest.earlier_splits(ROWS, 9, params)]
    assert len(splits) > 1
    for later, earlier in itertools.pairwise(splits):
        assert earlier.test_days[-1] + timedelta(days=1) == later.test_days[0]
    for split in splits:
        last_label = split.train_days[-1] + timedelta(days=params.churn.window_days)
        assert last_label < split.test_days[0]


def test_too_little_for_even_one_is_an_error(tmp_path):
    short = dict(list(ROWS.items())[:8])
    with pytest.raises(NotEnoughDataError):
        list(backtest.earlier_splits(short, 2, params_in(tmp_path)))


def test_every_model_is_judged_at_every_date(done):
    _, summary, body = done
    assert body["metric"] == "pr_auc"
    models = {(p["cutoff"], p["model"]) for p in body["points"]}
    assert len(models) == len(body["points"]) == 2 * len({cutoff for cutoff, _ in models})
    for point in body["points"]:
        assert point["low"] <= point["value"] <= point["high"]
        assert 0 < point["recency"] < 1
    assert summary.rows == {"points": len(body["points"])}


def test_the_plot_has_the_same_points(done):
    folder, _, body = done
    with (folder / "artifacts/plots/backtest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(r["value"]) for r in rows] == [p["value"] for p in body["points"]]


def test_a_date_at_which_a_model_cannot_be_trained_is_told(tmp_path):
    params = params_in(tmp_path)
    write_tables(params, days=45)
    summary = backtest.run(params, cutoffs=4)
    assert "validate" in summary.facts["skipped"]
    body = json.loads((tmp_path / "artifacts/metrics/backtest.json").read_text())
    assert all(text.startswith("2025-") for text in body["skipped"])


def test_no_date_that_leaves_enough_is_an_error_and_writes_nothing(tmp_path):
    params = params_in(tmp_path)
    write_tables(params, users=4)
    with pytest.raises(NotEnoughDataError, match="at any date"):
        backtest.run(params, cutoffs=2)
    assert not (tmp_path / "artifacts/metrics/backtest.json").exists()
