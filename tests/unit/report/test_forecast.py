from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from churn_mlops.report.forecast import MOST_BATCHES, forecast
from churn_mlops.report.watched import Batch, Performance
from tests.unit.report import watched


def history(days: int = 70, **over: Any) -> tuple[Batch, ...]:
    return Performance.model_validate(watched.performance(days, **over)).history


def drawn(days: int = 70, floor: float | None = 0.65, key: str = "pr_auc") -> ET.Element:
    figure = forecast(history(days), key, floor)
    assert figure is not None
    return ET.fromstring(figure)


def of_class(svg: ET.Element, name: str) -> list[ET.Element]:
    return [e for e in svg.iter() if (e.get("class") or "") == name]


def test_each_model_has_its_band_and_each_graded_list_its_point() -> None:
    svg = drawn()
    assert len(of_class(svg, "area strong")) == 2
    assert len(of_class(svg, "line strong thin")) == 2
    kept = sum(b.realised.metrics["pr_auc"].kept for b in history() if b.realised)
    assert len(of_class(svg, "dot strong")) == kept
    assert len(of_class(svg, "dot bad")) == 40 - kept > 0
    assert f"{kept} of 40 intervals held the truth" in svg.get("aria-label", "")


def test_the_floor_is_a_line_with_its_number() -> None:
    svg = drawn()
    assert len(of_class(svg, "line weak dashed")) == 1
    assert "floor 0.650" in [text.text for text in svg.iter("text")]
    assert not of_class(drawn(floor=None), "line weak dashed")


def test_only_the_last_lists_are_drawn() -> None:
    svg = drawn(400)
    assert svg.get("aria-label", "").split(",")[0].endswith(f"of {MOST_BATCHES} lists")
    labels = [t for t in svg.iter("text") if t.get("text-anchor") == "middle"]
    assert len(labels) <= 6


def test_a_single_list_is_a_dot_with_a_whisker() -> None:
    svg = drawn(1)
    assert len(of_class(svg, "whisker strong")) == 1
    assert "none graded yet" in svg.get("aria-label", "")


def test_a_list_without_a_promise_has_only_its_point() -> None:
    body = watched.entry(3, 70) | {"estimated": None}
    body["realised"]["pr_auc"] = {"value": 0.8, "estimated": None, "low": None, "kept": None}
    figure = forecast([Batch.model_validate(body)], "pr_auc", None)
    assert figure is not None
    svg = ET.fromstring(figure)
    assert len(of_class(svg, "dot strong")) == 1
    assert not of_class(svg, "area strong")


def test_nothing_to_draw_is_no_figure() -> None:
    assert forecast([], "pr_auc", 0.5) is None
    empty = watched.entry(3, 70) | {"estimated": None, "realised": None}
    assert forecast([Batch.model_validate(empty)], "pr_auc", 0.5) is None
    assert forecast(history(), "unknown", None) is None
