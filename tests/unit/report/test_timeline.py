from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from churn_mlops.report.shapes import Split
from churn_mlops.report.timeline import LEAST, shares, timeline, to_scale
from tests.unit.report import made


def split(**over: object) -> Split:
    return Split.model_validate(made.evaluation()["split"] | over)


def test_bands_have_names_lengths_and_days() -> None:
    svg = ET.fromstring(timeline(split()))
    texts = " | ".join(text.text or "" for text in svg.iter("text")).replace("\u00a0", " ")
    for word in ("train", "42 days", "1 Jan", "11 Feb", "12 Feb", "30 days", "13 Mar", "14 Mar"):
        assert word in texts
    assert "embargo 12 February 2025" in svg.get("aria-label").replace("\u00a0", " ")


def test_widths_fill_the_page_and_leave_room_for_words() -> None:
    for first in ("2020-01-01", "2025-01-01", "2025-02-11"):
        widths = shares(split(train_first_day=first))
        assert sum(widths) == pytest.approx(1)
        assert min(widths) >= LEAST - 1e-9
    assert not to_scale(split(train_first_day="2020-01-01"))
    assert to_scale(split(test_last_day="2025-04-20"))


def test_without_a_gap_there_is_no_embargo() -> None:
    svg = timeline(split(test_first_day="2025-02-12", embargo_days=0))
    assert "embargo" not in svg
