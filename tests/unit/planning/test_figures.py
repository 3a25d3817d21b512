"""The measured rows that come with the package."""

from __future__ import annotations

import pytest

from churn_mlops.planning import figures
from churn_mlops.planning.model import STAGES
from tests.unit.planning import portal

SIZES = {
    "duckdb": (10_000, 100_000, 1_000_000, 12_000_000, 60_000_000, 120_000_000),
    "spark": (10_000, 100_000, 1_000_000, 12_000_000, 60_000_000),
}


def test_the_package_has_every_stage_at_every_promised_size() -> None:
    found = {(row.engine, row.stage, row.size) for row in figures.load().rows}
    for engine, sizes in SIZES.items():
        stages = STAGES if engine == "duckdb" else STAGES[1:]
        assert {(engine, stage, size) for stage in stages for size in sizes} <= found


def test_every_row_that_got_to_its_end_was_measured() -> None:
    rows = [row for row in figures.load().rows if not row.failed]
    for row in rows:
        assert row.user_days == pytest.approx(row.size, rel=0.05)
        assert min(row.seconds, row.cpu_seconds, row.peak_memory_bytes, row.bytes_read) > 0
        assert row.runs >= 1
        assert row.memory_limit


def test_rows_come_by_size_and_without_failures() -> None:
    broken = portal.row("spark", "batch-score", 120_000_000, failed="no room on the disk")
    rows = portal.figures(broken).of("spark", 2, "batch-score")
    assert [row.size for row in rows] == list(portal.SIZES)
    assert portal.figures().of("spark", 4) == []


def test_a_name_that_is_not_known_is_refused() -> None:
    body = {"machines": [], "commits": [], "first_day": "", "last_day": "", "rows": [{"colour": 1}]}
    with pytest.raises(TypeError, match="colour"):
        figures.parse(body)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512m", 2**29),
        ("2g", 2**31),
        ("4GB", 4e9),
        ("1.5 GiB", 1.5 * 2**30),
        ("300MB", 3e8),
        ("1t", 2**40),
    ],
)
def test_sizes_of_memory(text: str, size: float) -> None:
    assert figures.bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "much", "4", "-1g"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="no size"):
        figures.bytes_of(text)
