from __future__ import annotations

import xml.etree.ElementTree as ET

from churn_mlops.report import strips, words


def test_a_bar_stays_in_its_cell() -> None:
    for share, width in ((0.5, "50.00%"), (1.7, "100.00%"), (-1.0, "0.00%")):
        svg = ET.fromstring(strips.bar(share, "half & half"))
        assert svg.findall("rect")[1].get("width") == width
        assert svg.get("aria-label") == "half & half"


def test_dots_show_value_interval_and_mark() -> None:
    svg = ET.fromstring(strips.dots(0, 1, "x", 0.5, (0.25, 0.75), 0.1))
    assert svg.find("circle").get("cx") == "50.00%"
    assert [line.get("class") for line in svg.findall("line")] == ["rail", "mark", "whisker strong"]


def test_without_a_value_only_the_rail_is_drawn() -> None:
    svg = ET.fromstring(strips.dots(0, 1, "x", None, (0.2, 0.3)))
    assert [child.tag for child in svg] == ["title", "line"]


def test_the_axis_names_its_ticks() -> None:
    svg = ET.fromstring(strips.axis(0, 1, lambda v: words.number(v, 1)))
    texts = svg.findall("text")
    assert [text.text for text in texts] == ["0.0", "0.5", "1.0"]
    assert [text.get("text-anchor") for text in texts] == ["start", "middle", "end"]
