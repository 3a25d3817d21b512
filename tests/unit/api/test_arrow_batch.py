from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.api.arrow_batch import score_stream
from churn_mlops.api.problems import ProblemError
from churn_mlops.api.served import Served
from tests.trained import bundle

SERVED = Served(bundle("candidate"), None, 100)
ROWS = [row for row, _ in SERVED.bundle.golden]


def stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def read(body: bytes) -> pa.Table:
    return pa.ipc.open_stream(body).read_all()


def test_risks_flags_and_decisions_are_those_of_rows() -> None:
    table = pa.Table.from_pylist([{"user_id": f"u{n}", **row} for n, row in enumerate(ROWS)])
    found = score_stream(SERVED, stream(table), False, 100)
    rows = SERVED.score(ROWS)
    assert found.risks == pytest.approx(rows.risks, abs=1e-6)
    answer = read(found.body)
    assert answer.column_names == ["user_id", "churn_risk", "decision"]
    assert answer["churn_risk"].to_pylist() == found.risks
    assert answer["decision"].to_pylist() == [SERVED.decide(risk) for risk in found.risks]
    assert answer.schema.metadata[b"model_version"].decode() == SERVED.version
    for name in ("imputed", "out_of_range", "unseen"):
        counted: dict[str, int] = {}
        for names in getattr(rows, name).values():
            for feature in names:
                counted[feature] = counted.get(feature, 0) + 1
        assert dict(getattr(found, name)) == counted


def test_columns_that_are_left_out_or_null_are_missing() -> None:
    whole = pa.Table.from_pylist(ROWS)
    without = whole.drop_columns(["logins_7d", "plan"])
    nulls = whole.set_column(
        whole.schema.get_field_index("logins_7d"), "logins_7d", pa.nulls(len(ROWS))
    )
    first = score_stream(SERVED, stream(without), False, 100)
    assert first.imputed["logins_7d"] == first.imputed["plan"] == len(ROWS)
    second = score_stream(SERVED, stream(nulls), False, 100)
    assert second.imputed["logins_7d"] == len(ROWS)
    rows = [{name: v for name, v in row.items() if name != "logins_7d"} for row in ROWS]
    assert second.risks == pytest.approx(SERVED.score(rows).risks, abs=1e-6)
    with pytest.raises(ProblemError, match="missing-feature"):
        score_stream(SERVED, stream(nulls), True, 100)


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint16(), pa.int64(), pa.float32(), pa.float64()])
def test_numbers_may_have_any_width(kind: pa.DataType) -> None:
    table = pa.table({"logins_7d": pa.array([1, None, 3], kind)})
    rows: list[dict[str, Any]] = [{"logins_7d": 1.0}, {}, {"logins_7d": 3.0}]
    found = score_stream(SERVED, stream(table), False, 100)
    assert found.risks == pytest.approx(SERVED.score(rows).risks, abs=1e-6)


def test_categories_may_be_a_dictionary() -> None:
    plain = pa.table({"plan": pa.array(["free", None, "gold"])})
    coded = pa.table({"plan": plain["plan"].combine_chunks().dictionary_encode()})
    found = [score_stream(SERVED, stream(table), False, 100) for table in (plain, coded)]
    assert found[0].risks == found[1].risks
    assert found[0].unseen == found[1].unseen == {"plan": 1}


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_the_cut_into_record_batches_does_not_matter(sizes: list[int]) -> None:
    table = pa.Table.from_pylist((ROWS * 2)[: sum(sizes)])
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        start = 0
        for size in sizes:
            writer.write_table(table.slice(start, size))
            start += size
    found = score_stream(SERVED, sink.getvalue(), False, 100)
    assert found.risks == score_stream(SERVED, stream(table), False, 100).risks


def test_every_mistake_is_told_with_its_place() -> None:
    table = pa.table(
        {
            "logins_7d": [1.0, 0.5],
            "watch_minutes_7d": [float("nan"), 1.0],
            "quiz_avg_score": [1.0, float("inf")],
            "events_7d": ["1", "2"],
            "plan": [1, 2],
        }
    )
    with pytest.raises(ProblemError) as caught:
        score_stream(SERVED, stream(table), False, 100)
    told = {mistake.where: mistake.message for mistake in caught.value.errors}
    assert told == {
        "columns.events_7d": "must be numbers, not string",
        "columns.logins_7d": "row 1: must be null or a finite whole number",
        "columns.watch_minutes_7d": "row 0: must be null or a finite number that fits into 32 bits",
        "columns.quiz_avg_score": "row 1: must be null or a finite number that fits into 32 bits",
        "columns.plan": "must be text, not int64",
    }
