from __future__ import annotations

from churn_mlops.report import use
from churn_mlops.report.shapes import Evaluation
from churn_mlops.report.subject import Subject, subject
from tests.unit.report import made

ABOUT = subject(made.inputs())


def about(**over: object) -> Subject:
    return subject(made.inputs(evaluations=(Evaluation.model_validate(made.evaluation(**over)),)))


def test_profit_names_the_best_share_and_what_it_assumes() -> None:
    section = use.profit(ABOUT)
    assert "36\u00a0% (a risk of 31\u00a0% or more) pays most: 3.92" in section.lead
    assert dict(section.parts["values"])["Cost of a contact"] == "1.50"
    assert "Budget of a day’s list" not in dict(section.parts["values"])


def test_where_no_contact_pays_it_is_said() -> None:
    none = made.profit() | {"best_profit_per_user": 0.0}
    assert "nobody pays most" in use.profit(about(profit=none)).lead


def test_importance_names_features_that_share_their_words() -> None:
    section = use.importance(ABOUT)
    assert section.lead.startswith("59\u00a0% of what the model says comes from: days since")
    names = [(row["about"], row["feature"]) for row in section.parts["rows"]]
    assert names[0] == ("days since the last active day", "days_since_last_activity")
    assert ("plan", "") in names
    assert len(names) == use.MOST_FEATURES
    assert section.parts["more"].startswith("2 further features")


def test_what_is_absent_is_one_line() -> None:
    bare = subject(made.bare())
    assert not use.profit(bare).parts
    assert not use.importance(bare).parts
    assert use.importance(about(importance=[{"feature": "a", "share": 0.0}])).parts
