"""Plans as people read them."""

from __future__ import annotations

import pytest

from churn_mlops.planning.choose import both_engines
from churn_mlops.planning.spark_sizes import sizes_of
from churn_mlops.planning.text import as_text, count, size, span, spill, three
from tests.unit.planning import portal

FIGURES = portal.figures()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (64, "64 B"),
        (1_999, "2.00 kB"),
        (1_500_000, "1.50 MB"),
        (12_340_000_000, "12.3 GB"),
        (5.6e12, "5.60 TB"),
        (1.2e18, "1,200 PB"),
    ],
)
def test_bytes(value: float, text: str) -> None:
    assert size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00"), (0.0123, "0.012"), (0.5, "0.50"), (12.34, "12.3"), (1_234.5, "1,234")],
)
def test_three_digits(value: float, text: str) -> None:
    assert three(value) == text


@pytest.mark.parametrize(
    ("hours", "text"),
    [(100.4, "100 h"), (1.0, "1.00 h"), (0.5, "30.0 min"), (0.01, "36.0 s"), (0.0001, "0.36 s")],
)
def test_times(hours: float, text: str) -> None:
    assert span(hours) == text


def test_no_spill_is_only_what_was_seen() -> None:
    assert spill(0, True) == "0"
    assert spill(2e9, True) == "2.00 GB"
    assert spill(0, False) == "none seen"


def test_counts() -> None:
    assert count(3_650_000_000) == "3.65 billion"
    assert count(10_000_000) == "10 million"
    assert count(9_990) == "9,990"


def test_a_plan_names_its_engine_stages_limits_and_how_sure_it_is() -> None:
    plans = both_engines(10_000_000, 365, 2.0, FIGURES)
    text = as_text(plans, sizes_of(plans[0], FIGURES))
    assert text.startswith("10 million users a day, 365 days kept: 3.65 billion user-days")
    assert "Spark on " in text
    assert "or: DuckDB on one machine of 8 cores" in text
    assert "NOT IN TIME" in text
    assert "spark.executor.instances" in text
    for stage in plans[0].stages:
        assert f"\n{stage.stage} " in text
    for one in plans[0].bottlenecks:
        assert one.name in text
    assert text.count("extrapolated: ") == 1 + len(plans[0].stages)


def test_one_machine_has_no_executors_but_memory() -> None:
    text = as_text(both_engines(1_000, 120, 2.0, FIGURES)[:1], None)
    assert "spark" not in text
    assert "MB" in text
    assert "see below" not in text
