from __future__ import annotations

from dataclasses import replace

from churn_mlops.report import breakdown
from churn_mlops.report.subject import subject
from tests.unit.report import made

INPUTS = made.inputs()
ABOUT = subject(INPUTS)


def test_the_backtest_has_a_row_per_cutoff() -> None:
    section = breakdown.backtest(INPUTS, ABOUT)
    assert "4 dates" in section.lead
    assert "between 0.771 and 0.812" in section.lead
    assert section.parts["models"] == ["candidate", "baseline"]
    assert section.parts["rows"][0]["cells"][0] == ("0.771", "0.747 to 0.793")


def test_slices_name_the_least_sure_one() -> None:
    section = breakdown.slices(ABOUT)
    assert "where country is missing: ROC AUC 0.829" in section.lead.replace("\u00a0", " ")
    assert [group["by"] for group in section.parts["groups"]] == ["plan", "country", "tenure"]


def test_what_is_absent_is_one_line() -> None:
    bare = made.bare()
    about = subject(bare)
    for section in (breakdown.backtest(bare, about), breakdown.slices(about)):
        assert section.lead
        assert not section.parts


def test_a_single_date_is_no_range() -> None:
    points = [p for p in INPUTS.backtest.points if p.model == ABOUT.model.name][:1]
    once = INPUTS.backtest.model_copy(update={"points": tuple(points)})
    lead = breakdown.backtest(replace(INPUTS, backtest=once), ABOUT).lead
    assert lead.startswith("Only one date left enough to train this model: PR\u00a0AUC 0.")
