"""What a stage says of itself."""

from __future__ import annotations

import json
from pathlib import Path

from churn_mlops.summary import Summary

SUMMARY = Summary("stage", {"users": 1200}, [Path("a/b.csv")], {"base_rate": 0.1})


def test_json_is_one_object_on_one_line() -> None:
    text = SUMMARY.as_json(1.23456)
    assert "\n" not in text
    assert json.loads(text) == {
        "stage": "stage",
        "rows": {"users": 1200},
        "outputs": ["a/b.csv"],
        "facts": {"base_rate": 0.1},
        "seconds": 1.235,
    }


def test_text_names_rows_facts_and_paths() -> None:
    assert SUMMARY.as_text(1.23) == ("stage: users 1,200 (1.2 s)\n  base_rate 0.1\n  wrote a/b.csv")
    assert Summary("stage").as_text(0.04) == "stage: done (0.0 s)"
