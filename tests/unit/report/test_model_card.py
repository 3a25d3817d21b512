from __future__ import annotations

import subprocess
import sys

from churn_mlops.report.model_card import model_card
from tests.unit.report import made

HEADINGS = [
    "Model", "Intended use", "What churn means", "Data", "Features", "Metrics", "Calibration",
    "Thresholds", "Limitations", "How to verify it",
]  # fmt: skip


def test_it_has_every_part_in_order() -> None:
    card = model_card(made.meta())
    assert [line[3:] for line in card.splitlines() if line.startswith("## ")] == HEADINGS
    assert card.startswith("# Model card: churn within 30 days\n")


def test_metrics_have_intervals_and_thresholds_their_meaning() -> None:
    card = model_card(made.meta())
    assert "| PR AUC | 0.812 | 0.789 to 0.834 |" in card
    assert "19,480 rows of 1,377 users" in card
    assert "| profit | 0.312 | where a contact begins to pay |" in card
    assert "sha256sum -c SHA256SUMS" in card
    assert "9f" * 32 in card


def test_the_same_bundle_has_the_same_card() -> None:
    first = made.meta(settings={"a": 1, "b": None}, versions={"x": "1", "y": "2"})
    second = made.meta(settings={"b": None, "a": 1}, versions={"y": "2", "x": "1"})
    assert model_card(first) == model_card(second)


def test_a_bundle_without_extras_has_a_card() -> None:
    card = model_card(made.meta(metrics={"margin": 0.12345}, intervals={}, thresholds={}))
    assert "None is set." in card
    assert "| margin | 0.1235 |" in card or "| margin | 0.1234 |" in card


def test_names_from_the_data_cannot_break_out() -> None:
    meta = made.meta()
    feature = meta.features[1].model_copy(
        update={"name": "a|b\n# x", "about": made.EVIL, "typical": "`*[y](z)"}
    )
    card = model_card(made.meta(features=(meta.features[0], feature), data={"d": "x`|y"}))
    assert "<script" not in card
    assert "a\\|b \\# x" in card
    assert "\n# x" not in card
    assert "`x'/y`" in card


def test_it_needs_no_trainer_and_no_template() -> None:
    code = (
        "import sys, churn_mlops.report.model_card; "
        "print([m for m in ('jinja2', 'onnxruntime', 'ibis', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
