"""Every rule of the gate passes and fails, and says so."""

from __future__ import annotations

import json

import numpy as np
import pytest

from churn_mlops.errors import PromotionError
from churn_mlops.params import Params
from churn_mlops.registry.gate import Judged, weigh

USERS, DAYS = 600, 3


def params(**promotion):
    minimum = {"minimum_slice_rows": 200}
    return Params.model_validate(
        {"promotion": {"resamples": 200, **promotion}, "evaluation": minimum}
    )


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


@pytest.fixture(scope="module")
def world():
    """Rows with a sharp and a blurred view of the true risk, both calibrated well enough."""
    rng = np.random.default_rng(5)
    users = np.repeat(np.arange(USERS), DAYS)
    logit = np.repeat(rng.normal(-1.5, 1.5, USERS), DAYS)
    labels = (rng.random(len(users)) < sigmoid(logit)).astype(np.int8)
    blurred = -1.3 + 0.5 * (logit + 1.5) + np.repeat(rng.normal(0, 0.7, USERS), DAYS)
    columns = {
        "plan": np.repeat(rng.choice(np.array(["free", "pro"], dtype=object), USERS), DAYS),
        "country": np.full(len(users), "IN", dtype=object),
        "marketing_source": np.full(len(users), None, dtype=object),
        "days_since_signup": np.repeat(rng.integers(0, 200, USERS), DAYS),
    }
    return Judged(labels, users, columns), sigmoid(logit), sigmoid(blurred)


def rule(verdict, beginning):
    (found,) = [r for r in verdict.rules if r.rule.startswith(beginning)]
    return found


def test_a_better_model_passes_every_rule(world):
    rows, sharp, blurred = world
    verdict = weigh(rows, sharp, blurred, params(), is_model=True)
    assert verdict.passed
    assert verdict.failed == []
    assert [r.passed for r in verdict.rules] == [True] * 4
    assert verdict.low < verdict.difference < verdict.high
    assert verdict.difference == pytest.approx(verdict.value - verdict.value_against)
    assert (verdict.rows, verdict.users) == (USERS * DAYS, USERS)
    text = rule(verdict, "better").text
    assert f"{verdict.value:.4f} against {verdict.value_against:.4f}" in text
    assert "95% interval +" in text
    assert "must lie above 0" in text


def test_the_value_is_the_average_precision(world):
    from sklearn.metrics import average_precision_score, roc_auc_score

    rows, sharp, blurred = world
    verdict = weigh(rows, sharp, blurred, params(), is_model=True)
    assert verdict.value == pytest.approx(average_precision_score(rows.labels, sharp))
    other = weigh(rows, sharp, blurred, params(metric="roc_auc"), is_model=True)
    assert other.metric == "roc_auc"
    assert other.value_against == pytest.approx(roc_auc_score(rows.labels, blurred))


def test_a_worse_model_is_refused_with_the_reason(world):
    rows, sharp, blurred = world
    verdict = weigh(rows, blurred, sharp, params(), is_model=True)
    assert not verdict.passed
    assert verdict.high < 0
    assert verdict.failed[0].startswith("better in pr_auc: ")


@pytest.mark.parametrize("metric", ["pr_auc", "roc_auc"])
def test_a_model_does_not_replace_its_equal(world, metric):
    rows, sharp, _ = world
    verdict = weigh(rows, sharp, sharp.copy(), params(metric=metric), is_model=True)
    assert not verdict.passed
    assert (verdict.difference, verdict.low, verdict.high) == (0, 0, 0)
    # The same order is the same worth, whatever the levels.
    assert not weigh(rows, sharp / 1.01, sharp, params(metric=metric), is_model=True).passed


def test_the_margin_must_be_cleared_by_the_whole_interval(world):
    rows, sharp, blurred = world
    low = weigh(rows, sharp, blurred, params(), is_model=True).low
    assert weigh(rows, sharp, blurred, params(margin=low - 1e-6), is_model=True).passed
    refused = weigh(rows, sharp, blurred, params(margin=low + 1e-6), is_model=True)
    assert [r.rule for r in refused.rules if r.passed is False] == ["better in pr_auc"]
    assert f"must lie above {low + 1e-6:g}" in refused.failed[0]


def test_the_confidence_widens_the_interval(world):
    rows, sharp, blurred = world
    wide = weigh(rows, sharp, blurred, params(confidence=0.99), is_model=True)
    narrow = weigh(rows, sharp, blurred, params(confidence=0.5), is_model=True)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert "99% interval" in rule(wide, "better").text


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"min_rows": USERS * DAYS + 1}, "at least 1,801 of 100"),
        ({"min_users": USERS + 1}, "at least 500 of 601"),
    ],
)
def test_too_few_to_judge_by(world, limits, words):
    rows, sharp, blurred = world
    verdict = weigh(rows, sharp, blurred, params(**limits), is_model=True)
    assert [r.rule for r in verdict.rules if r.passed is False] == ["enough to judge by"]
    assert verdict.failed == [f"enough to judge by: 1,800 rows of 600 users; {words}"]


def test_just_enough_is_enough(world):
    rows, sharp, blurred = world
    limits = {"min_rows": USERS * DAYS, "min_users": USERS}
    assert weigh(rows, sharp, blurred, params(**limits), is_model=True).passed


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1])
def test_scores_that_are_no_numbers_promote_nothing(world, odd, place):
    rows, *scores = world
    scores[place] = scores[place].copy()
    scores[place][7] = odd
    with pytest.raises(PromotionError, match="no numbers; nothing is promoted"):
        weigh(rows, *scores, params(), is_model=True)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_promotes_nothing(world, label):
    rows, sharp, blurred = world
    same = Judged(np.full_like(rows.labels, label), rows.users, rows.columns)
    with pytest.raises(PromotionError, match=r"of the 1800 rows .* have the same label") as caught:
        weigh(same, sharp, blurred, params(), is_model=True)
    assert caught.value.fix == "wait for more mature days"


def test_no_rows_promote_nothing(world):
    rows, sharp, blurred = world
    none = {name: values[:0] for name, values in rows.columns.items()}
    with pytest.raises(PromotionError):
        weigh(
            Judged(rows.labels[:0], rows.users[:0], none),
            sharp[:0],
            blurred[:0],
            params(),
            is_model=True,
        )


def test_a_better_order_with_false_levels_is_refused(world):
    rows, sharp, blurred = world
    high = sharp**0.3
    verdict = weigh(rows, high, blurred, params(), is_model=True)
    assert [r.rule for r in verdict.rules if r.passed is False] == ["calibration"]
    assert "may grow by 0.02" in verdict.failed[0]
    assert weigh(rows, high, blurred, params(max_ece_increase=1.0), is_model=True).passed
    # A champion with false levels may be replaced by one whose levels are as false.
    assert rule(weigh(rows, high, blurred**0.3, params(), is_model=True), "calibration").passed


def test_a_simple_rule_has_no_calibration(world):
    rows, sharp, blurred = world
    verdict = weigh(rows, sharp, 1000 * blurred, params(), is_model=False)
    assert rule(verdict, "calibration").passed is None
    assert rule(verdict, "calibration").text.endswith("; nothing to compare with")
    assert verdict.passed


def test_harm_to_one_slice_is_refused(world):
    rows, sharp, blurred = world
    pro = rows.columns["plan"] == "pro"
    harmful = sharp.copy()
    # Among the pro users chance decides; everybody else is ranked better than before.
    harmful[pro] = np.random.default_rng(1).permutation(sharp[pro])
    limits = params(margin=0.0, max_slice_drop=0.02, max_ece_increase=1.0)
    verdict = weigh(rows, harmful, blurred, limits, is_model=True)
    slices = rule(verdict, "slices")
    assert slices.passed is False
    assert "the least favourable is plan pro: -0." in slices.text
    assert slices.text.endswith("may fall by 0.02")
    loose = params(max_slice_drop=1.0)
    assert rule(weigh(rows, harmful, blurred, loose, is_model=True), "slices").passed


def test_no_slice_is_large_enough(world):
    rows, sharp, blurred = world
    few = Params.model_validate(
        {"promotion": {"resamples": 200}, "evaluation": {"minimum_slice_rows": 5_000}}
    )
    verdict = weigh(rows, sharp, blurred, few, is_model=True)
    assert rule(verdict, "slices").passed is None
    assert rule(verdict, "slices").text == "no slice is large enough"
    assert verdict.passed


def test_the_same_seed_gives_the_same_verdict(world):
    rows, sharp, blurred = world
    first = weigh(rows, sharp, blurred, params(), is_model=True)
    assert weigh(rows, sharp, blurred, params(), is_model=True) == first
    tree = params().model_dump()
    tree["training"]["seed"] = 7
    other = weigh(rows, sharp, blurred, Params.model_validate(tree), is_model=True)
    assert other.difference == first.difference
    assert (other.low, other.high) != (first.low, first.high)


def test_rows_of_one_user_count_as_one_draw(world):
    rows, sharp, blurred = world
    lasting = np.repeat(rows.labels[::DAYS], DAYS)
    same = Judged(lasting, rows.users, rows.columns)
    clustered = weigh(same, sharp, blurred, params(), is_model=True)
    apart = Judged(lasting, np.arange(len(rows.users)), rows.columns)
    loose = weigh(apart, sharp, blurred, params(), is_model=True)
    assert clustered.difference == loose.difference
    assert clustered.high - clustered.low > 1.2 * (loose.high - loose.low)


def test_the_facts_are_json(world):
    rows, sharp, blurred = world
    verdict = weigh(rows, sharp, blurred, params(), is_model=False)
    facts = json.loads(json.dumps(verdict.facts(), allow_nan=False))
    assert facts["rules"][2] == {
        "rule": "calibration",
        "passed": None,
        "text": rule(verdict, "calibration").text,
    }
    assert facts["users"] == USERS
