"""What the Spark backend adds to Ibis's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from churn_mlops import engine
from churn_mlops.errors import EngineError
from churn_mlops.params import Params
from churn_mlops.tables.batches import batches
from tests.integration.spark.stages import On, at

ROWS = pa.table(
    {
        "number": pa.array([1, None, 3]),
        "text": ["x", "", None],
        "day": pa.array([0, 1, None], pa.date32()),
        "time": pa.array([0, None, 1], pa.timestamp("us")),
    }
)


@pytest.fixture(scope="module")
def params(cluster: On, tmp_path_factory: pytest.TempPathFactory) -> Params:
    return at(Params(), tmp_path_factory.mktemp("backend"), cluster)


@pytest.fixture(scope="module")
def spark(params: Params) -> Iterator[Any]:
    with engine.connect(params) as con:
        yield con


def test_values_come_back_in_their_types(spark: Any) -> None:
    found = spark.to_pyarrow(ibis.memtable(ROWS))
    assert found.to_pydict() == ROWS.to_pydict()
    assert found.schema.types == ROWS.schema.types, "an integer with gaps is no float"
    assert engine.value(spark, ibis.memtable(ROWS).number.sum()) == 4


def test_a_table_is_held(spark: Any) -> None:
    held = spark.create_table("held", ibis.memtable(ROWS).mutate(more=ibis._.number + 1), temp=True)
    assert held.more.to_pyarrow().to_pylist() == [2, None, 4]


def test_workers_turn_batches_into_others(spark: Any) -> None:
    # Within the test, so that it is sent as it is: workers do not have the tests.
    def twice(rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in rows:
            yield from [batch] * 2

    table = ibis.memtable(ROWS)
    made = spark.map_batches(table, twice, table.schema())
    assert engine.value(spark, made.count()) == 6


def test_batches_in_order_and_nothing_is_left(spark: Any, params: Params) -> None:
    table = ibis.range(10_000).unnest().name("n").as_table()
    reader = batches(spark, table.order_by(ibis.desc("n")), 3_000)
    sizes, numbers = [], []
    for batch in reader:
        sizes.append(batch.num_rows)
        numbers += batch["n"].to_pylist()
    assert numbers == list(range(9_999, -1, -1))
    assert max(sizes) <= 3_000
    assert not list(Path(params.paths.data).iterdir())


def test_an_error_of_spark_is_one_line(params: Params) -> None:
    def broken(rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        raise ValueError("no such thing")
        yield from rows

    def read() -> None:
        with engine.connect(params) as con:
            table = ibis.memtable(ROWS)
            con.to_pyarrow(con.map_batches(table, broken, table.schema()))

    with pytest.raises(EngineError, match="gave up: ValueError: no such thing") as told:
        read()
    assert "Traceback" not in str(told.value)
