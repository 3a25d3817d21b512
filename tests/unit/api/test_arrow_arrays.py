from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.api import arrow_arrays
from tests.trained import bundle_folder


@given(st.lists(st.none() | st.text(max_size=5), max_size=30))
def test_texts_are_those_that_were_given(values: list[str | None]) -> None:
    values = [None if v is None else v.encode("utf-8", "ignore").decode() for v in values]
    made = arrow_arrays.texts(values)
    made.validate(full=True)
    assert made.equals(pa.array(values, pa.string()))


@given(st.lists(st.none() | st.floats(allow_nan=False), max_size=30))
def test_numbers_are_those_that_were_given(values: list[float | None]) -> None:
    known = np.array([value is not None for value in values], dtype=bool)
    filled = np.array([value or 0.0 for value in values])
    made = arrow_arrays.numbers(pa.float64(), filled, known)
    made.validate(full=True)
    assert made.equals(pa.array([v if v is None else v or 0.0 for v in values], pa.float64()))


@given(st.lists(st.lists(st.none() | st.integers(-100, 100), max_size=5), max_size=4))
def test_columns_become_floats(parts: list[list[int | None]]) -> None:
    column = pa.chunked_array([pa.array(part, pa.int16()) for part in parts], pa.int16())
    expected = [np.nan if v is None else float(v) for part in parts for v in part]
    found = arrow_arrays.floats(column)
    assert np.array_equal(found, np.array(expected, dtype=float), equal_nan=True)


def test_an_arrow_request_imports_no_pandas() -> None:
    script = f"""
import io, sys
from pathlib import Path
import pyarrow as pa
from churn_mlops.api import arrow_arrays
from churn_mlops.api.arrow_batch import score_stream
from churn_mlops.api.served import Served
from churn_mlops.registry.bundle import load_bundle
import numpy as np
served = Served(load_bundle(Path({str(bundle_folder("candidate"))!r})), None, 10)
known = np.array([True, False])
numbers = arrow_arrays.numbers(pa.int64(), np.array([1, 2]), known)
columns = [numbers, arrow_arrays.texts(["a", None])]
table = pa.Table.from_arrays(columns, ["logins_7d", "plan"])
sink = io.BytesIO()
with pa.ipc.new_stream(sink, table.schema) as writer:
    writer.write_table(table)
assert len(score_stream(served, sink.getvalue(), False, 10).risks) == 2
print([name for name in ("pandas", "duckdb", "ibis", "sklearn") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
