"""Slack's limits and its markup."""

from __future__ import annotations

import json

import pytest

from churn_mlops.monitoring.message import Message
from churn_mlops.monitoring.slack import (
    HEADER_CHARACTERS,
    MAX_BLOCKS,
    SECTION_CHARACTERS,
    TEXT_CHARACTERS,
    escaped,
    payload,
)


def texts(body: dict) -> list[str]:
    return [block["text"]["text"] for block in body["blocks"]]


def test_title_lines_and_link() -> None:
    body = payload(Message("a title", ("one", "two"), link="https://x/r?a=1&b=2"))
    assert [block["type"] for block in body["blocks"]] == ["header", "section", "section"]
    assert texts(body) == ["a title", "one\ntwo", "<https://x/r?a=1&amp;b=2|Report>"]
    assert body["text"] == "a title\none\ntwo\nhttps://x/r?a=1&amp;b=2"


def test_names_of_the_data_are_no_markup() -> None:
    line = "*bold* _x_ `code` :smile: <!channel> <http://evil|click> & 漢字"
    body = payload(Message(line, (line,)))
    for block in body["blocks"]:
        assert block["text"]["type"] == "plain_text"
        assert block["text"]["emoji"] is False
    assert "<" not in json.dumps(body)
    assert "&lt;!channel&gt;" in body["text"]
    assert "漢字" in body["text"]


@pytest.mark.parametrize("character", ["x", "&", "漢"])
def test_texts_are_cut_to_what_slack_takes(character: str) -> None:
    lines = tuple(character * 5_000 for _ in range(80))
    body = payload(Message(character * 500, lines, link="https://x/" + "y" * 5_000))
    assert len(body["text"]) <= TEXT_CHARACTERS
    assert len(body["blocks"]) <= MAX_BLOCKS
    header, *sections = texts(body)
    assert len(header) <= HEADER_CHARACTERS
    assert all(0 < len(text) <= SECTION_CHARACTERS for text in sections)


def test_an_escape_is_never_cut() -> None:
    for characters in range(1, 20):
        text = escaped("&<>" * 9, characters)
        assert len(text) <= characters
        assert text.endswith("…")
        assert text[:-1].replace("&amp;", "").replace("&lt;", "").replace("&gt;", "") == ""
    assert escaped("a<b", 6) == "a&lt;b"


def test_a_bar_does_not_end_the_address_and_other_links_are_text() -> None:
    assert texts(payload(Message("t", (), link="https://x/a|b>c")))[-1] == (
        "<https://x/a%7Cb&gt;c|Report>"
    )
    assert texts(payload(Message("t", (), link="see the wiki")))[-1] == "see the wiki"


def test_nothing_is_empty() -> None:
    assert all(texts(payload(Message("", ("", "")))))
