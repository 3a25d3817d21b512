from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from churn_mlops import engine
from churn_mlops.tables import scan
from churn_mlops.training.build_training_set import dataset_contract
from churn_mlops.training.rows import held, read_rows, rows_per_day, table_digest
from tests.made_up import FIRST, write_tables
from tests.trained import params_in

DAYS = [FIRST, FIRST + timedelta(days=3)]


@pytest.fixture(params=["csv", "parquet"])
def params(request, tmp_path):
    made = params_in(tmp_path, tables={"format": request.param}, training={"max_rows": 100})
    write_tables(made, users=150, days=20)
    return made


def read(params, days, features=("plan", "days_since_last_activity")):
    with engine.connect(params) as con:
        table = held(con, scan(con, dataset_contract(params), params), params)
        return rows_per_day(table), read_rows(con, table, features, days, params)


def test_rows_of_the_days_come_in_the_order_of_the_key(params):
    params = params.model_copy(
        update={"training": params.training.model_copy(update={"max_rows": 10**6})}
    )
    counts, rows = read(params, DAYS)
    assert len(rows) == counts[DAYS[0]] + counts[DAYS[1]]
    assert set(rows.days.tolist()) == set(DAYS)
    order = np.lexsort((rows.users, rows.days))
    assert (order == np.arange(len(rows))).all()
    assert rows.columns["plan"].dtype == object
    assert len(rows.of_days(DAYS[1])) == counts[DAYS[1]]


def test_a_day_too_large_is_sampled_alike_every_time(params):
    first, second = read(params, DAYS[:1])[1], read(params, DAYS[:1])[1]
    assert len(first) == 100
    assert len(np.unique(first.users)) == 100
    assert (first.users == second.users).all()


def test_digest_depends_on_content_and_part_names(tmp_path):
    (tmp_path / "a").write_text("x")
    before = table_digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert table_digest(tmp_path) != before
    assert len(table_digest(tmp_path / "b")) == 64
