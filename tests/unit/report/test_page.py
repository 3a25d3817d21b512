"""The page as a whole: complete, self-contained, escaped, the same every time."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from churn_mlops.report.inputs import Champion, user
from churn_mlops.report.page import context, render
from churn_mlops.report.shapes import Backtest, Evaluation, Promotion, Validation
from churn_mlops.report.subject import subject
from tests.unit.report import made

VOID = {"meta", "br", "img", "link", "input", "hr"}


class Outline(HTMLParser):
    """Collects tags, headings and nesting faults."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def outline(text: str) -> Outline:
    parser = Outline()
    parser.feed(text)
    return parser


def evil(value: Any) -> Any:
    """Every text replaced by one that would run, but for names and days that are looked up."""
    if isinstance(value, dict):
        return {key: evil(below) for key, below in value.items()}
    if isinstance(value, list):
        return [evil(below) for below in value]
    return made.EVIL if isinstance(value, str) and not re.match(r"\d{4}-", value) else value


@pytest.fixture(scope="module")
def page() -> str:
    return render(made.inputs())


@pytest.mark.parametrize("inputs", [made.inputs(), made.bare()], ids=["full", "bare"])
def test_it_is_well_formed_with_headings_in_order(inputs: Any) -> None:
    found = outline(render(inputs))
    assert found.faults == []
    assert found.open == []
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_it_needs_nothing_else(page: str) -> None:
    found = outline(page)
    names = {tag for tag, _ in found.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed"}
    assert not re.search(r"https?://|url\(|@import", page)
    hrefs = [attrs["href"] for tag, attrs in found.tags if "href" in attrs]
    ids = {f"#{attrs['id']}" for _, attrs in found.tags if "id" in attrs}
    assert set(hrefs) <= ids
    assert len(page.encode()) < 150_000


def test_graphics_and_tables_can_be_heard(page: str) -> None:
    found = outline(page).tags
    assert ("html", {"lang": "en"}) in found
    for tag, attrs in found:
        if tag == "svg":
            assert attrs.get("aria-hidden") == "true" or (
                attrs.get("role") == "img" and attrs.get("aria-label")
            )
        if tag == "th":
            assert attrs.get("scope") in ("col", "row", "rowgroup")


def test_sections_stand_in_order(page: str) -> None:
    order = (
        "data", "meaning", "metrics", "curves", "calibration", "backtest", "performance", "drift",
        "slices", "profit", "importance", "promotion", "checks", "users",
    )  # fmt: skip
    assert tuple(re.findall(r'<section id="(\w+)"', page)) == order


def test_the_same_inputs_give_the_same_bytes(page: str) -> None:
    assert render(made.inputs()) == page


def test_whatever_comes_from_the_data_is_escaped() -> None:
    evaluation = evil(made.evaluation())
    evaluation["importance"][1] |= {"feature": "x", "about": "{{ 7 * 7 }}"}
    evaluation["rules"] = {made.EVIL: {"pr_auc": 0.5}}
    validation = evil(made.validation())
    validation["tables"] = {made.EVIL: validation["tables"]["events"]}
    meta = made.meta(data={made.EVIL: made.EVIL}, versions={made.EVIL: made.EVIL})
    text = render(
        made.inputs(
            evaluations=(Evaluation.model_validate(evaluation),),
            champion=Champion(meta, made.DIGEST),
            champion_fault=made.EVIL,
            promotion=Promotion.model_validate(evil(made.promotion())),
            backtest=Backtest.model_validate(evil(made.backtest())),
            validation=Validation.model_validate(validation),
            users=tuple(user(evil(row)) for row in made.rows()),
        )
    )
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 50
    assert "{{ 7 * 7 }}" in text
    assert outline(text).faults == []


def test_a_breaking_category_stays_inside_its_label() -> None:
    body = made.evaluation()
    body["slices"][0]["value"] = '"/><svg onload=alert(1)>'
    text = render(made.inputs(evaluations=(Evaluation.model_validate(body),)))
    assert "<svg onload" not in text
    assert not any("onload" in attrs for _, attrs in outline(text).tags)


def test_the_head_tells_whose_figures_these_are() -> None:
    head = context(made.inputs())["head"]
    assert [fact[1] for fact in head["facts"]][1:] == [
        made.VERSION, "boosted trees (LightGBM)", "✓ promoted"
    ]  # fmt: skip
    assert head["notes"] == []
    older = made.inputs(champion=Champion(made.meta(), "f" * 64), champion_fault="broken")
    notes = context(older)["head"]["notes"]
    assert "broken" in notes[0]
    assert "the champion was trained earlier" in notes[1]
    assert "there is no champion yet" in context(made.bare())["head"]["notes"][0]


def test_the_day_falls_back_to_what_is_known() -> None:
    assert "30\u00a0April 2025" in render(made.inputs(users=None))
    less = made.inputs(users=None, validation=None)
    assert context(less)["head"]["as_of"] == "31\u00a0March 2025"
    assert "<title>Churn report</title>" in render(made.bare())


@pytest.mark.parametrize("key", [key for key in made.evaluation() if key not in
                                 ("name", "family", "model_version", "metrics")])  # fmt: skip
def test_any_part_may_be_absent(key: str) -> None:
    body = made.evaluation()
    del body[key]
    assert "<h1>" in render(made.inputs(evaluations=(Evaluation.model_validate(body),)))


def test_numbers_that_are_none_are_dashes() -> None:
    def gone(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: gone(below) for key, below in value.items()}
        return None

    body = made.evaluation(intervals={})
    body["metrics"] = gone(body["metrics"])
    body["rules"] = gone(body["rules"] | {"recency": {"pr_auc": 0, "roc_auc": 0}})
    for entry in body["slices"]:
        entry |= {"base_rate": None, "pr_auc": None, "roc_auc": None, "mean_risk": None}
    body["calibration"]["log_loss"] = gone(body["calibration"]["log_loss"])
    body["rules"] = {}
    model = Evaluation.model_validate(json.loads(json.dumps(body)))
    text = render(made.inputs(evaluations=(model,)))
    assert "None" not in re.sub(r"<style>.*?</style>", "", text, flags=re.S)
    assert "nan" not in text
    assert subject(made.inputs(evaluations=(model,))).model is model
