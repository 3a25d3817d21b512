from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from churn_mlops import engine
from churn_mlops.monitoring import day as module
from churn_mlops.monitoring.day import daily_totals, day_of, history_of, open_features, read_day
from churn_mlops.monitoring.reference import RISK, reference_for
from tests.made_up import FIRST
from tests.trained import bundle, trained
from tests.unit.monitoring.portal import DAY, reference, values

LAST = FIRST + timedelta(days=59)


@pytest.fixture(scope="module")
def read():
    """The last day of the trained tables, streamed in small batches, and its history."""
    params = trained()[0]
    params = params.model_copy(
        update={"scoring": params.scoring.model_copy(update={"batch_rows": 17})}
    )
    against = reference_for(bundle())
    with engine.connect(params) as con:
        table = open_features(con, bundle().meta, params)
        history = history_of(daily_totals(table, params), None)
        rows = table.filter((table.as_of_date == LAST) & (table.is_eligible == 1)).to_pyarrow()
        return read_day(con, table, history, bundle(), against, params), history, rows, against


def test_streamed_counts_are_those_of_the_whole_day(read):
    day, _, rows, against = read
    columns = {name: rows[name].to_numpy() for name in bundle().meta.feature_names}
    columns[RISK] = bundle().score(bundle().encode(columns))
    whole = day_of(LAST, columns, against)
    assert day.users == whole.users == len(rows)
    for name, counts in whole.counts.items():
        assert day.counts[name].tolist() == counts.tolist()
    assert day.mean_risk == pytest.approx(columns[RISK].mean())


def test_the_history_ends_with_the_day(read):
    _, history, rows, _ = read
    assert history.days[-1] == LAST
    assert len(history.days) == 60
    assert history.users[-1] == len(rows)
    assert set(history.events) == set(trained()[0].features.counts)


def test_the_history_knows_nothing_later():
    params = trained()[0]
    with engine.connect(params) as con:
        totals = daily_totals(open_features(con, bundle().meta, params), params)
    history = history_of(totals, LAST - timedelta(days=9))
    assert history.days[-1] == LAST - timedelta(days=9)


def test_a_sample_stands_in_for_very_many(monkeypatch, read):
    _, history, rows, against = read
    monkeypatch.setattr(module, "SAMPLE_ROWS", 25)
    params = trained()[0]
    with engine.connect(params) as con:
        day = read_day(
            con, open_features(con, bundle().meta, params), history, bundle(), against, params
        )
    assert day.users == len(rows)
    assert {len(v) for v in day.sample.values()} == {25}


def test_an_empty_day_in_memory():
    day = day_of(DAY, {}, reference(50))
    assert (day.users, day.counts, day.mean_risk) == (0, {}, None)
    some = day_of(DAY, values(np.random.default_rng(1), 7), reference(50))
    assert some.users == 7
