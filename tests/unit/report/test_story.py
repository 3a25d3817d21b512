from __future__ import annotations

import pytest

from churn_mlops.report import story
from churn_mlops.report.shapes import Promotion, Validation
from churn_mlops.report.subject import subject
from tests.unit.report import made

INPUTS = made.inputs()


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_data_counts_what_was_set_aside() -> None:
    assert plain(story.data(INPUTS).lead) == (
        "150,220 rows were read, from 1 January 2025 to 30 April 2025; 239 of them (0.16 %) failed"
        " a check and were set aside."
    )
    body = made.validation() | {"status": "failed", "calendar": {}}
    failed = made.inputs(validation=Validation.model_validate(body))
    assert "did not pass the gate" in story.data(failed).lead


def test_meaning_takes_the_bundles_contract() -> None:
    section = story.meaning(INPUTS, subject(INPUTS))
    assert "<svg" in section.parts["timeline"]
    assert "embargo of 30 days" in plain(section.parts["split"])


@pytest.mark.parametrize("decision", [*story.DECISIONS, "something new"])
def test_every_decision_has_its_sentence(decision: str) -> None:
    found = Promotion.model_validate(made.promotion(decision=decision))
    section = story.promotion(made.inputs(promotion=found))
    assert section.lead.endswith(": 4 of 4 rules passed.")
    assert section.parts["decision"][1]


def test_a_first_challenger_is_compared_with_a_rule() -> None:
    found = Promotion.model_validate(
        made.promotion(champion=None, against="recency", difference=None, rules=[], rows=None)
    )
    parts = story.promotion(made.inputs(promotion=found)).parts
    assert (parts["against"], parts["strip"], parts["rows"]) == ("the rule “recency”", None, "")


def test_a_warning_is_said_first() -> None:
    body = made.evaluation()
    body["checks"][0]["status"] = "warning"
    body["checks"][1]["status"] = "odd"
    evaluation = type(INPUTS.evaluations[0]).model_validate(body)
    section = story.checks(subject(made.inputs(evaluations=(evaluation,))))
    assert section.lead.startswith("1 of 4 checks")
    assert [row[1:3] for row in section.parts["checks"]][:2] == [("!", "warning"), ("?", "odd")]


def test_users_have_bars_and_reasons() -> None:
    section = story.users(INPUTS)
    assert "The 12 users most at risk on 30 April 2025" in plain(section.lead)
    assert section.parts["users"][0]["reasons"][0].startswith("27 days")
    assert story.users(made.inputs(users=())).lead == "Nobody was eligible on the scored day."
    assert "One user" in story.users(made.inputs(users=INPUTS.users[:1])).lead


def test_what_is_absent_is_one_line() -> None:
    bare = made.bare()
    sections = [story.data(bare), story.promotion(bare), story.users(bare)]
    sections.append(story.checks(subject(bare)))
    assert all(section.lead and not section.parts for section in sections)
