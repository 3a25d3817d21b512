from __future__ import annotations

from churn_mlops.report import quality
from churn_mlops.report.shapes import Evaluation
from churn_mlops.report.subject import subject
from tests.unit.report import made

INPUTS = made.inputs()
ABOUT = subject(INPUTS)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_the_list_is_told_in_users() -> None:
    model = ABOUT.model
    assert quality.list_sentence(model, 100) == "Of the 100 users on a day’s list, 83 did leave"
    assert plain(quality.list_interval(model, 100)) == "(95 % interval 79 to 86)"
    assert quality.list_sentence(model, 2000).startswith(
        "Of the 2,000 users on a day’s list, 1,662"
    )
    assert quality.list_sentence(model, 7) == "Of 100 users on the lists, 83 did leave"
    assert quality.chance_sentence(model, 100) == "Drawn by chance, 35 would have."


def test_rare_leavers_keep_a_digit() -> None:
    body = made.evaluation(metrics={"precision_at_k": 0.034, "base_rate": 0.004},
                           intervals={"precision_at_k": [0.021, 0.049]})  # fmt: skip
    model = Evaluation.model_validate(body)
    assert quality.list_sentence(model, 50) == "Of 100 users on the lists, 3.4 did leave"
    assert "2.1 to 4.9" in quality.list_interval(model, 50)


def test_metrics_stand_side_by_side_with_the_best_one_marked() -> None:
    section = quality.metrics(ABOUT)
    assert "ranks better than the simple rules" in section.lead
    assert "against 0.701 for “longest away first”" in section.lead
    rows = {row["metric"].key: row["cells"] for row in section.parts["rows"]}
    assert [cell["value"] for cell in rows["pr_auc"]] == ["0.812", "0.791"]
    assert [cell["best"] for cell in rows["pr_auc"]] == [True, False]
    assert [cell["best"] for cell in rows["log_loss"]] == [True, False]
    assert rows["accuracy"][0]["interval"] == ""
    titles = [row["title"] for row in section.parts["strips"]]
    assert titles[2:] == ["Rule: longest away first", "Rule: least active last month first"]


def test_a_model_no_better_than_the_rules_is_called_so() -> None:
    model = Evaluation.model_validate(made.evaluation(beats_rules=False))
    section = quality.metrics(subject(made.inputs(evaluations=(model,))))
    assert "does not rank better" in section.lead
    assert "rules would do as well" in section.parts["beats"]


def test_curves_say_what_half_of_the_leavers_cost() -> None:
    assert "right about 86 of every 100" in quality.curves(ABOUT).lead


def test_calibration_names_the_worst_bin_and_the_chosen_method() -> None:
    section = quality.calibration(ABOUT)
    assert "1.2 percentage points" in section.lead
    assert "58 % left in 56 %" in plain(section.lead)
    assert section.parts["methods"][0][::2] == ("beta", True)


def test_what_is_absent_is_one_line() -> None:
    about = subject(made.bare())
    sections = [quality.curves(about), quality.calibration(about)]
    assert all(section.lead and not section.parts for section in sections)
    assert quality.list_interval(about.model, 100) == ""
