from __future__ import annotations

from typing import Any

import pytest

from churn_mlops.report.page import render
from churn_mlops.report.performance import performance
from churn_mlops.report.watched import Performance, ScoreProxy
from tests.unit.report import made, watched


def inputs(found: dict[str, Any] | None = None, proxy: dict[str, Any] | None = None) -> Any:
    return made.inputs(
        performance=Performance.model_validate(found or watched.performance()),
        score_proxy=ScoreProxy.model_validate(proxy or watched.score_proxy()),
    )


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_the_estimate_is_graded_by_the_truth_in_one_sentence() -> None:
    counts = {"pr_auc": {"batches": 40, "kept": 37}, "roc_auc": {"batches": 1, "kept": 1}}
    section = performance(inputs(watched.performance(promises=counts)))
    assert plain(section.lead) == (
        "The estimate graded by the truth: 37 of 40 promises about the PR AUC and 1 of 1 promise"
        " about the ROC AUC were kept, at a confidence of 90 %."
    )


def test_without_history_there_is_one_line() -> None:
    section = performance(made.inputs(performance=None))
    assert section.parts == {}
    assert "No list’s performance has been estimated yet" in section.lead


def test_before_the_first_horizon_has_passed_nothing_is_graded() -> None:
    section = performance(inputs(watched.performance(20)))
    assert "no estimate has been graded by the truth" in section.lead
    assert len(section.parts["figures"]) == 2
    assert len(section.parts["facts"]) == 2


def test_the_numbers_are_told() -> None:
    facts = dict(performance(inputs()).parts["facts"])
    shown = {plain(name): plain(text) for name, text in facts.items()}
    assert shown["Floors"] == "PR AUC 0.650, ROC AUC 0.810"
    said = shown["Estimated for 30 April 2025"]
    assert said.startswith("PR AUC 0.801 (0.771 to 0.831); ROC AUC 0.881")
    assert said.endswith("profit 2,150.00 (1,750.00 to 2,550.00)")
    assert "(promised 0.782 to 0.842)" in shown["Realised by the list of 31 March 2025"]
    assert "2 users without a label" in shown["Realised by the list of 31 March 2025"]


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({}, "The risks are like those of the 7 lists before: population stability index 0.004"),
        ({"status": "FAIL", "risk_psi": 0.4}, "The risks have moved far against those of the 7"),
        ({"status": "WARN"}, "The risks have moved against"),
    ],
)
def test_the_latest_risks_are_a_sentence(over: dict[str, Any], words: str) -> None:
    text = plain(performance(inputs(proxy=watched.score_proxy(**over))).parts["scores"])
    assert text.startswith("Of the 1,309 users scored on 30 April 2025, 28 % have a risk of 50 %")
    assert words in text


def test_without_earlier_lists_no_comparison_is_told() -> None:
    proxy = watched.score_proxy(risk_psi=None, risk_chance_psi=None, compared_with=[])
    assert performance(inputs(proxy=proxy)).parts["scores"].endswith("the mean is 34\u00a0%.")


@pytest.mark.parametrize(("status", "sign"), [("OK", "✓"), ("WARN", "!"), ("FAIL", "✗"), ("?", "")])
def test_every_status_has_its_sign(status: str, sign: str) -> None:
    section = performance(inputs(watched.performance(status=status)))
    assert section.parts["status"][0] == sign


def test_the_page_shows_it_and_stays_small() -> None:
    page = render(inputs(watched.performance(400)))
    assert page.count("by the day of the list") == 2
    assert len(page.encode()) < 200_000


def test_texts_from_files_are_escaped() -> None:
    body = watched.performance(status=made.EVIL)
    body["history"][5]["model_version"] = made.EVIL
    body["estimated"] = {made.EVIL: {"value": 1.0}}
    assert "<script" not in render(inputs(body))
