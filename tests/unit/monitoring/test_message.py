"""A message is the same on every channel, and says when it is the same as another."""

from __future__ import annotations

from churn_mlops.monitoring.message import Message, one_line


def test_the_same_news_have_the_same_id() -> None:
    one = Message("a", ("x",), about={"day": 1})
    assert one.id == Message("b", ("other words",), about={"day": 1}).id
    assert one.id != Message("a", ("x",), about={"day": 2}).id
    assert len(one.id) == 16


def test_without_news_the_words_count() -> None:
    assert Message("a", ("x",)).id == Message("a", ("x",), link="l").id
    assert Message("a", ("x",)).id != Message("a", ("y",)).id


def test_the_link_stands_below() -> None:
    message = Message("t", ("a", "b"), "critical", "https://r", {"n": 1})
    assert message.text() == "a\nb\nhttps://r"
    body = message.as_json()
    assert body.pop("id") == message.id
    assert body == {
        "title": "t",
        "severity": "critical",
        "lines": ["a", "b"],
        "link": "https://r",
        "text": "t\na\nb\nhttps://r",
        "facts": {"n": 1},
    }


def test_lines_are_flat_and_bounded() -> None:
    assert one_line("a\r\nb\t c\n") == "a b c"
    assert one_line("x" * 700) == "x" * 599 + "…"
    assert len(one_line("漢 " * 700)) <= 600
