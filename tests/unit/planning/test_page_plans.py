"""The part of the page that looks ahead."""

from __future__ import annotations

from dataclasses import replace

from churn_mlops.planning.page_plans import crossing, plans
from tests.unit.planning import portal

FIGURES = portal.figures()


def test_where_spark_begins_to_pay() -> None:
    lines = crossing(FIGURES)
    assert lines[0] == "- On the same 2 cores Spark is never faster."
    assert lines[1].startswith("- DuckDB on one machine of 8 cores keeps 2 h up to ")
    assert lines[2].startswith(
        "- Spark on as many machines as it takes of 8 cores keeps 2 h up to "
    )


def test_a_faster_spark_crosses() -> None:
    rows = tuple(
        replace(row, seconds=20 + row.user_days / 1e6) if row.engine == "spark" else row
        for row in FIGURES.rows
    )
    # 7 * 20 + 7 n < 7 * 2 + 5 * 3 n from 16 million on: of n, stages of one day do not see much.
    found = crossing(replace(FIGURES, rows=rows))[0]
    assert found == "- On the same 2 cores Spark is faster from about 16 million user-days on."


def test_three_plans_with_both_engines() -> None:
    rows = [line for line in plans(FIGURES) if line.startswith("| 1")]
    assert [row.split(" | ")[0] for row in rows] == [
        f"| {users} million" for users in (1, 1, 10, 10, 100, 100)
    ]
    assert all(row.count("|") == 13 for row in rows)
    assert all("extrapolated: " in row for row in rows[:4])
    assert all("guessed: " in row for row in rows[4:])
    assert "not in time" in rows[-1]


def test_without_spark_there_is_one_engine() -> None:
    alone = replace(FIGURES, rows=tuple(r for r in FIGURES.rows if r.engine == "duckdb"))
    assert len(crossing(alone)) == 1
    assert len([line for line in plans(alone) if line.startswith("| 1")]) == 3
