"""Drawings: sound XML, every dot in its place, dashed beyond what was measured."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from churn_mlops.planning.chart import HEIGHT, WIDTH, Series, drawing, short

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*series: Series) -> ET.Element:
    return ET.fromstring(drawing("a < b", "rows", "seconds", series))


def test_dots_lie_in_the_frame_and_grow_upwards() -> None:
    root = drawn(Series("one", [(1e4, 2.0), (1e6, 200.0)], [(1e4, 2.0), (1e7, 2_000.0)]))
    dots = [dot for dot in root.iter(f"{SVG}circle") if dot.get("r") == "3.5"]
    places = [(float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in dots]
    assert places[0][0] < places[1][0]
    assert places[0][1] > places[1][1]
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in places)
    assert root.findtext(f"{SVG}title") == "a < b"


def test_a_line_is_dashed_beyond_the_largest_dot() -> None:
    law = [(n, n / 1e4) for n in (1e4, 1e5, 1e6, 1e7)]
    root = drawn(Series("one", [(1e4, 1.0), (1e6, 100.0)], law))
    lines = list(root.iter(f"{SVG}polyline"))
    assert [line.get("stroke-dasharray") for line in lines] == [None, "5 4"]
    assert [len((line.get("points") or "").split()) for line in lines] == [3, 2]


def test_every_series_has_a_name_and_a_colour_of_its_own() -> None:
    series = [Series(f"stage {n}", [(1e4, 1.0), (1e5, n + 2.0)], []) for n in range(8)]
    root = drawn(*series)
    names = [text.text for text in root.iter(f"{SVG}text")]
    assert {one.name for one in series} <= set(names)
    assert len({dot.get("fill") for dot in root.iter(f"{SVG}circle")}) == 8


@pytest.mark.parametrize(
    ("value", "text"), [(1e4, "10k"), (1e6, "1M"), (1e10, "10G"), (0.1, "0.1"), (100, "100")]
)
def test_ticks_are_short(value: float, text: str) -> None:
    assert short(value) == text
