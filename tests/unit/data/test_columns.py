"""A source's columns under our names."""

from __future__ import annotations

from typing import Any

import ibis
import pytest

from churn_mlops.data.columns import as_held, as_it_came, mapping, renamed
from churn_mlops.errors import ContractError

NARROW = {
    "data": {
        "measures": {},
        "event_types": ("buy",),
        "columns": {"events": {"event_time": "when", "event_type": "what"}},
    }
}


def narrow(make_params: Any) -> Any:
    params = make_params(NARROW)
    data = params.data.model_copy(update={"measures": {}})
    return params.model_copy(update={"data": data})


def test_names_are_mapped_and_course_may_be_absent(con: Any, make_params: Any) -> None:
    params = narrow(make_params)
    table = ibis.memtable({"event_id": [1], "user_id": [2], "when": ["x"], "what": ["buy"]})
    rows = con.to_pyarrow(renamed(table, "events", "here", params)).to_pylist()
    assert rows == [
        {"event_id": 1, "user_id": 2, "event_time": "x", "event_type": "buy", "course_id": None}
    ]


def test_events_without_ids_are_numbered_by_time(con: Any, make_params: Any) -> None:
    params = narrow(make_params)
    early = {"user_id": [2, 1], "when": ["2025-01-02", "2025-01-01"], "what": ["buy", "buy"]}
    late = {name: [*values, values[0]] for name, values in early.items()}
    late["when"][2] = "2025-01-03"

    def numbers(table: dict[str, Any]) -> dict[str, int]:
        rows = con.to_pyarrow(renamed(ibis.memtable(table), "events", "here", params)).to_pylist()
        return {row["event_time"]: row["event_id"] for row in rows}

    assert numbers(early) == {"2025-01-01": 1, "2025-01-02": 2}
    assert numbers(late) == numbers(early) | {"2025-01-03": 3}


def test_a_missing_column_is_named_with_the_nearest(make_params: Any) -> None:
    table = ibis.memtable({"event_id": [1], "user_id": [2], "whn": ["x"], "what": ["buy"]})
    with pytest.raises(ContractError, match="here lacks when; did you mean 'whn'"):
        renamed(table, "events", "here", narrow(make_params))


def test_a_mapping_of_an_unknown_column_is_an_error(make_params: Any) -> None:
    params = make_params({"data": {"columns": {"users": {"sign_up": "x"}}}})
    with pytest.raises(ContractError, match="no column 'sign_up'"):
        mapping("users", params)


def test_values_keep_the_type_they_came_with(make_params: Any) -> None:
    row = {"event_id": "1", "user_id": 2, "event_time": "x", "event_type": "b", "course_id": "c"}
    types = as_it_came(ibis.memtable([row]), "events", narrow(make_params)).types
    assert (types["event_id"], types["user_id"]) == ("string", "int64")


@pytest.mark.parametrize(
    ("held", "new"),
    [
        ("int64", [1.0, 2.0, None]),
        ("string", [1, None]),
        ("float64", [1, 2**52]),
        ("date", ["2025-01-01", None]),
        ("int64", ["1", "2"]),
    ],
)
def test_new_rows_take_the_types_of_the_held(con: Any, held: str, new: list[object]) -> None:
    rows = as_held(con, ibis.memtable({"x": new}), ibis.schema({"x": held}), "events")
    assert str(rows.x.type()) == held
    kept = con.to_pyarrow(rows)["x"].to_pylist()
    assert [value is None for value in kept] == [value is None for value in new]


def test_no_value_is_changed_by_the_type_of_the_held(con: Any) -> None:
    rows = ibis.memtable({"x": [1.0, 2.5, 3.5], "y": [1, 2, 3]})
    held = ibis.schema({"x": "int64", "y": "int64"})
    with pytest.raises(ContractError, match=r"events.x is held as int64.* 2 values") as caught:
        as_held(con, rows, held, "events")
    assert caught.value.check == "CHN107"
    times = ibis.memtable({"t": ["2025-01-01 10:00:00"]}).mutate(t=ibis._.t.cast("timestamp"))
    with pytest.raises(ContractError, match="held as date"):
        as_held(con, times, ibis.schema({"t": "date"}), "events")
