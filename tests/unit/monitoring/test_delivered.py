"""What was told is remembered per day, news and channel."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from churn_mlops.monitoring.delivered import note, told, told_path
from churn_mlops.monitoring.message import Message
from churn_mlops.params import Params
from tests.trained import params_in

DAY = date(2025, 4, 30)
ONE, OTHER = Message("one", ()), Message("other", ())


@pytest.fixture
def params(tmp_path: Path) -> Params:
    return params_in(tmp_path)


def test_nothing_is_known_at_first(params: Params) -> None:
    assert told(params, DAY, ONE) == set()


def test_it_is_remembered_by_channel_news_and_day(params: Params) -> None:
    note(params, DAY, ONE, "slack")
    note(params, DAY, ONE, "smtp")
    note(params, DAY, OTHER, "webhook")
    assert told(params, DAY, ONE) == {"slack", "smtp"}
    assert told(params, DAY, OTHER) == {"webhook"}
    assert told(params, date(2025, 5, 1), ONE) == set()
    body = json.loads(told_path(params, DAY).read_text())
    assert body["as_of_date"] == "2025-04-30"
    assert [one["title"] for one in body["messages"]] == ["one", "other"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"messages": 3}', '{"messages": [{}]}', '{"messages": [{"id": 1, "title": "",'
     ' "delivered": {}}]}', '{"messages": [{"id": "x", "title": "", "delivered": []}]}', "\x00"],
)  # fmt: skip
def test_a_damaged_note_means_telling_once_more(
    text: str, params: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    path = told_path(params, DAY)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert told(params, DAY, ONE) == set()
    assert "what was told cannot be read" in "".join(capsys.readouterr())
    note(params, DAY, ONE, "slack")
    assert told(params, DAY, ONE) == {"slack"}
