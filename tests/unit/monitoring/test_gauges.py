"""The board: what gets on it, what does not, and how odd labels are written."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from churn_mlops.monitoring.gauges import STAGE, STATE, Board

ROOT = Path(__file__).parents[3]


def test_a_metric_without_a_value_is_not_there() -> None:
    board = Board(STATE)
    board.set("churn_drift_risk_psi", None)
    assert (generate_latest(board.registry), board.series, board.problems) == (b"", 0, [])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_left_out_and_named(value: float) -> None:
    board = Board(STATE)
    board.set("churn_drift_psi", value, column="logins_7d")
    board.set("churn_drift_psi", 0.5, column="country")
    assert board.problems == [
        f"churn_drift_psi{{column='logins_7d'}} is left out: its value is {value}"
    ]
    assert "logins_7d" not in generate_latest(board.registry).decode()
    assert board.registry.get_sample_value("churn_drift_psi", {"column": "country"}) == 0.5


@pytest.mark.parametrize(
    "text", ['a "quoted" one', "two\nlines", "back\\slash", "Ünïcødé 漢字 🙂", ""]
)
def test_odd_labels_come_back_as_they_were(text: str) -> None:
    board = Board(STATE)
    board.set("churn_drift_psi", 0.25, column=text)
    (family,) = text_string_to_metric_families(generate_latest(board.registry).decode())
    assert [(s.labels, s.value) for s in family.samples] == [({"column": text}, 0.25)]


def test_a_metric_that_is_not_known_cannot_be_published() -> None:
    with pytest.raises(KeyError):
        Board(STAGE).set("churn_drift_status", 0)


def test_names_follow_prometheus() -> None:
    for gauge in (*STAGE, *STATE):
        assert re.fullmatch(r"churn_[a-z]+(_[a-z]+)+", gauge.name), gauge.name
        assert gauge.about.endswith("."), gauge.name
        assert "user_id" not in gauge.labels


def test_the_table_in_docs_is_what_is_published() -> None:
    text = (ROOT / "docs/monitoring.md").read_text()
    for gauge in (*STAGE, *STATE):
        labels = f"{{{','.join(gauge.labels)}}}" if gauge.labels else ""
        assert f"| `{gauge.name}{labels}` | {gauge.about} |" in text
    documented = re.findall(r"^\| `(churn_\w+)", text, re.MULTILINE)
    assert documented == [gauge.name for gauge in (*STAGE, *STATE)]
