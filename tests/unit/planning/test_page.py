"""The page about scale says what the figures say."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_mlops.planning.figures import load
from churn_mlops.planning.page import PARTS, drawings, filled
from tests.unit.planning import portal

DOCS = Path(__file__).parents[3] / "docs"
RENEW = "run `python benchmarks/scaling.py --write-docs`"
EMPTY = "\n".join(f"<!-- begin {name} -->\nold\n<!-- end {name} -->" for name in PARTS)


def test_the_page_is_that_of_the_figures() -> None:
    page = (DOCS / "scaling.md").read_text(encoding="utf-8")
    assert filled(page, load()) == page, RENEW


def test_the_charts_are_those_of_the_figures() -> None:
    made = drawings(load())
    for name, drawing in made.items():
        assert (DOCS / name).read_text(encoding="utf-8") == drawing, RENEW
    page = (DOCS / "scaling.md").read_text(encoding="utf-8")
    assert all(f"({name})" in page for name in made)


def test_every_part_is_made_anew_and_the_rest_stays() -> None:
    page = filled(f"before\n{EMPTY}\nafter\n", portal.figures())
    assert page.startswith("before\n<!-- begin ")
    assert page.endswith("-->\nafter\n")
    assert "\nold\n" not in page
    assert filled(page, portal.figures()) == page


def test_a_part_that_is_missing_or_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="parts"):
        filled("nothing is marked here", portal.figures())
    with pytest.raises(ValueError, match="parts"):
        filled(f"{EMPTY}\n<!-- begin weather -->\n<!-- end weather -->", portal.figures())


def test_measured_rows_laws_and_errors_stand_there() -> None:
    failed = portal.row("duckdb", "batch-score", 120_000_000, failed="no room on the disk")
    page = filled(EMPTY, portal.figures(failed))
    assert "| build-labels | 2.03 s, 301 MB | 2.30 s, 306 MB |" in page
    assert "| **failed** |" in page
    assert "| not run |" in page
    assert "| DuckDB, build-labels | user-days | 2.00 + 3.00 | n | +0 % |" in page
    assert "| DuckDB, batch-score | users | 2.00 + 3.00 | n |" in page
    assert "spilled 4.48 GB" in page
    assert "shuffled 1.80 GB" in page


def test_what_a_doubling_of_cores_gains() -> None:
    assert "Only one number of cores was measured." in filled(EMPTY, portal.figures())
    half = portal.row("duckdb", "build-labels", 12_000_000, cores=1)
    page = filled(EMPTY, portal.figures(half))
    assert "| DuckDB, build-labels | 12 million | 74.0 s with 1, 38.0 s with 2 | 2.00 |" in page
    assert "Only one number" not in page


def test_all_stages_together_are_drawn_for_both_engines() -> None:
    made = drawings(portal.figures())
    assert sorted(made) == ["scaling-duckdb.svg", "scaling-engines.svg", "scaling-spark.svg"]
    assert ">DuckDB</text>" in made["scaling-engines.svg"]
    assert ">build-features</text>" in made["scaling-spark.svg"]
    assert ">generate-data</text>" not in made["scaling-duckdb.svg"]
