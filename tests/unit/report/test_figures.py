from __future__ import annotations

import xml.etree.ElementTree as ET

from churn_mlops.report import figures
from churn_mlops.report.shapes import Backtest, Bins, Profit
from tests.unit.report import made

INPUTS = made.inputs()
MODELS = INPUTS.evaluations


def test_curves_have_a_line_per_model_and_chance() -> None:
    for figure in (figures.precision_recall(MODELS), figures.roc(MODELS)):
        lines = [
            element.get("class")
            for element in ET.fromstring(figure).iter()
            if (element.get("class") or "").startswith("line ")
        ]
        assert lines == ["line chance", "line weak dashed", "line strong"]


def test_calibration_has_a_dot_and_a_column_per_bin() -> None:
    svg = ET.fromstring(figures.calibration(MODELS[0].curves.calibration))
    assert len(svg.findall("circle")) == 10
    assert len(svg.findall("rect")) == 10
    hints = [rect.find("title").text.replace("\u00a0", " ") for rect in svg.findall("rect")]
    assert hints[-1] == "predicted 90 %, left 90 %; 1,503 rows"


def test_calibration_without_sizes_has_no_columns() -> None:
    svg = ET.fromstring(figures.calibration(Bins(predicted=(0.1, None), observed=(0.2, 0.3))))
    assert len(svg.findall("circle")) == 1
    assert not svg.findall("rect")


def test_profit_marks_the_best_point_even_when_all_is_loss() -> None:
    for curve in (made.profit(), made.profit() | {"profit_per_user": [0.0] + [-5.0] * 50,
                                                  "best_share": 0.0,
                                                  "best_profit_per_user": 0.0}):  # fmt: skip
        assert "best: " in figures.profit(Profit.model_validate(curve))


def test_through_time_names_cutoffs() -> None:
    backtest = Backtest.model_validate(made.backtest())
    svg = ET.fromstring(figures.through_time(backtest, ["candidate", "baseline"]))
    texts = [text.text.replace("\u00a0", " ") for text in svg.iter("text")]
    assert "20 Jan" in texts
    assert (len(svg.findall("circle")), len(svg.findall("rect"))) == (4, 4)


def test_many_cutoffs_keep_their_labels_apart() -> None:
    points = [
        {"cutoff": f"2024-{n // 28 + 1:02}-{n % 28 + 1:02}", "model": "candidate", "value": 0.5}
        for n in range(100)
    ]
    figure = figures.through_time(Backtest.model_validate({"points": points}), ["candidate"])
    labels = [t for t in ET.fromstring(figure).iter("text") if t.get("text-anchor") == "middle"]
    assert len(labels) <= 8


def test_without_points_there_is_no_figure() -> None:
    less = made.bare().evaluations
    assert figures.precision_recall(less) is figures.roc(less) is None
    assert figures.calibration(Bins()) is None
    assert figures.through_time(Backtest(), []) is None
    assert figures.profit(Profit(share=(), profit_per_user=(), best_share=0,
                                 best_profit_per_user=0)) is None  # fmt: skip
