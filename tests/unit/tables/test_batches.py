from __future__ import annotations

import ibis
import pyarrow as pa

from churn_mlops.tables.batches import batches


def test_a_table_comes_in_batches_of_bounded_size(con):
    con.con.register("numbers", pa.table({"n": list(range(10_000))}))
    table = con.table("numbers")
    sizes, total = [], 0
    for batch in batches(con, table.order_by(ibis.desc("n")), 3000):
        sizes.append(batch.num_rows)
        total += sum(batch["n"].to_pylist())
    assert max(sizes) <= 3000
    assert total == sum(range(10_000))


def test_no_rows_still_have_a_schema(con):
    con.con.register("nothing", pa.table({"n": pa.array([], pa.int32())}))
    reader = batches(con, con.table("nothing"), 10)
    assert reader.schema.names == ["n"]
    assert sum(batch.num_rows for batch in reader) == 0
