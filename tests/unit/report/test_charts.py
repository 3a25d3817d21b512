from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.report import words
from churn_mlops.report.charts import Plot, Scale, extent, thinned, ticks


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ((-1.3, 4.2), [0, 2, 4]),
        ((0.65, 0.84), [0.65, 0.7, 0.75, 0.8]),
        ((0, 10_000), [0, 2000, 4000, 6000, 8000, 10000]),
    ],
)
def test_ticks_are_round(ends: tuple[float, float], expected: list[float]) -> None:
    assert ticks(*ends) == pytest.approx(expected)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_lie_inside_and_are_few(low: float, size: float) -> None:
    found = ticks(low, low + size)
    assert 0 < len(found) <= 12
    assert all(low - size * 1e-3 <= tick <= low + size * 1.001 for tick in found)


def test_a_scale_may_run_downwards() -> None:
    scale = Scale(0, 2, 100, 0)
    assert (scale(0), scale(1), scale(2)) == (100, 50, 0)


def test_extent_is_never_empty() -> None:
    for values in ([0.0], [5.0, 5.0], [-1.0, 1.0]):
        low, high = extent(values)
        assert low < min(values)
        assert high > max(values)


def test_thinning_keeps_both_ends() -> None:
    points = [(float(n), 0.0) for n in range(10_000)]
    few = thinned(points, 100)
    assert len(few) == 100
    assert (few[0], few[-1]) == (points[0], points[-1])
    assert thinned(points[:5], 100) == points[:5]


def test_a_plot_is_valid_and_says_what_it_shows() -> None:
    plot = Plot((0, 1), (0, 1)).axes("x", "y", words.percent, words.percent)
    plot.line([(0, 0), (1, 1)], "strong").area([(0, 0), (1, 1)], 0, "strong").area([], 0, "strong")
    plot.level(0.5, "chance").drop(0.5, 0.5, 0, "chance").whisker(0.5, 0.4, 0.6, "strong")
    plot.dot(0.5, 0.5, "strong", "half").square(0.5, 0.5, "weak", "half")
    plot.column(0.5, 0.0, 40, "weak", "none").note("a < b", 0.9, 0.5).note("left", 0.1, 0.5)
    svg = ET.fromstring(plot.svg('say "it"'))
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == svg[0].text == 'say "it"'
    assert float(svg.find("polyline").get("points").split(",")[0]) == 50.0
    assert {"a < b", "left"} <= {text.text for text in svg.iter("text")}
