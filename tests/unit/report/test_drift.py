from __future__ import annotations

from typing import Any

from churn_mlops.report.drift import MOST_COLUMNS, drift
from churn_mlops.report.page import render
from churn_mlops.report.watched import Drift
from tests.unit.report import made, watched


def inputs(**over: Any) -> Any:
    return made.inputs(drift=Drift.model_validate(watched.drift(**over)))


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_the_first_finding_is_the_sentence() -> None:
    lead = plain(drift(inputs()).lead)
    assert lead == (
        "30 April 2025 is not as the champion knows it: watch_minutes_sum is 60 times larger."
        " There is 1 more finding."
    )


def test_a_calm_day_is_said_to_be_calm() -> None:
    section = drift(inputs(findings=[], status="OK"))
    assert "nothing moved beyond what chance explains" in section.lead
    assert section.parts["findings"] == []


def test_columns_are_ranked_and_the_rest_is_counted() -> None:
    parts = drift(inputs()).parts
    assert len(parts["rows"]) == MOST_COLUMNS
    assert parts["hidden"] == 3
    assert parts["rows"][0]["text"] == "median 1 → 0"
    assert parts["rows"][0]["level"][1] == "moved far"


def test_risk_and_all_columns_together_are_facts() -> None:
    told = dict(drift(inputs()).parts["facts"])
    assert plain(told["Predicted risk"]) == "moved far: PSI 0.30, mean 8.0 % → 21 %"
    assert "ROC AUC of 0.81" in told["All columns together"]
    assert set(dict(drift(inputs(risk=None, joint=None)).parts["facts"])) == {
        "Checked",
        "Compared with",
    }


def test_without_a_check_there_is_one_line() -> None:
    section = drift(made.inputs(drift=None))
    assert section.parts == {}
    assert "churn drift-check" in section.lead


def test_the_page_escapes_what_columns_are_called() -> None:
    column = {"column": "<script>", "psi": 0.4, "text": "<script>: <b>", "level": "FAIL"}
    page = render(inputs(columns=[column]))
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
