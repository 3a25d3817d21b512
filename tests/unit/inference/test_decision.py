from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from churn_mlops.inference.decision import (
    CURVE_POINTS,
    break_even,
    expected_cost,
    expected_maximum_profit,
    expected_profit,
    held_out,
    list_size,
    profit_curve,
)
from churn_mlops.params import Scoring, Value

# The values of the paper's own study.
PAPER = Value(customer_value=200.0, contact_cost=1.0, offer_cost=10.0, success_rate=0.3)

VALUES = st.builds(
    Value,
    customer_value=st.floats(1, 1000),
    contact_cost=st.floats(0, 50),
    offer_cost=st.floats(0, 500),
    success_rate=st.floats(0.01, 1),
)
# Few distinct risks, so that there are ties.
ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=1, max_size=30)


def test_a_worked_example():
    # Won: 0.3 x (200 - 10) - 1 = 56 with chance 0.4; lost: 10 + 1 = 11 with chance 0.6.
    assert expected_profit(np.array([0.4]), PAPER) == pytest.approx([0.4 * 56 - 0.6 * 11])
    # The contact, and the offer to the 0.3 of the 0.4 who take it and to the 0.6 who would stay.
    assert expected_cost(np.array([0.4]), PAPER) == pytest.approx([1 + 10 * (0.12 + 0.6)])
    assert break_even(PAPER) == pytest.approx(11 / 67)


@given(VALUES, st.floats(0, 1))
def test_the_formula_is_the_mean_over_what_may_happen(value, risk):
    kept = value.customer_value - value.contact_cost - value.offer_cost
    outcomes = [
        (risk * value.success_rate, kept),
        (risk * (1 - value.success_rate), -value.contact_cost),
        (1 - risk, -value.contact_cost - value.offer_cost),
    ]
    expected = sum(chance * gain for chance, gain in outcomes)
    assert expected_profit(np.array([risk]), value)[0] == pytest.approx(expected, abs=1e-9)
    # What it costs is what it earns without the customers that are won back.
    won = risk * value.success_rate * value.customer_value
    assert expected_cost(np.array([risk]), value)[0] == pytest.approx(won - expected, abs=1e-9)


@given(VALUES)
def test_a_contact_pays_above_break_even_only(value):
    limit = break_even(value)
    assert 0 <= limit <= 1
    below, above = np.array([limit - 1e-6]), np.array([limit + 1e-6])
    if limit > 1e-6:
        assert expected_profit(below, value)[0] <= 0
    if limit < 1 - 1e-6:
        assert expected_profit(above, value)[0] > 0


def test_what_never_pays_has_a_break_even_of_one_and_an_empty_list():
    value = Value(customer_value=10.0, contact_cost=20.0, success_rate=0.3)
    assert break_even(value) == 1
    assert list_size(np.array([1.0, 0.9]), Scoring(value=value)) == 0


def test_what_costs_nothing_pays_for_everybody_at_risk():
    value = Value(customer_value=10.0, contact_cost=0.0)
    assert break_even(value) == 0
    assert list_size(np.array([1.0, 0.1, 1e-6, 0.0]), Scoring(value=value)) == 3


def test_without_a_value_the_list_has_a_fixed_length():
    risks = np.linspace(1, 0, 30)
    assert list_size(risks, Scoring(top_k=7)) == 7
    assert list_size(risks, Scoring(top_k=100)) == 30
    assert list_size(risks[:0], Scoring()) == 0


@given(st.lists(st.floats(0, 1), max_size=30), VALUES, st.floats(0.5, 500))
def test_the_list_takes_whom_it_pays_to_contact_as_long_as_the_budget_lasts(risks, value, budget):
    risks = np.array(sorted(risks, reverse=True))
    size = list_size(risks, Scoring(value=value))
    assert (expected_profit(risks[:size], value) > 0).all()
    assert (expected_profit(risks[size:], value) <= 0).all()
    bound = value.model_copy(update={"budget": budget})
    bounded = list_size(risks, Scoring(value=bound))
    assert bounded <= size
    costs = np.cumsum(expected_cost(risks, value))
    assert bounded == 0 or costs[bounded - 1] <= budget * (1 + 1e-9)
    assert bounded == size or costs[bounded] > budget * (1 - 1e-9)


def test_a_budget_that_is_just_enough_suffices():
    value = Value(customer_value=100.0, contact_cost=0.1, success_rate=1.0, budget=0.3)
    assert list_size(np.full(10, 0.5), Scoring(value=value)) == 3


def test_about_the_asked_share_is_held_out_and_always_the_same():
    users = list(range(20_000))
    for share in (0.05, 0.5):
        aside = held_out(users, "2025-01-01", share)
        assert abs(np.mean(aside) - share) < 4 * np.sqrt(share * (1 - share) / len(users))
        assert aside == held_out(users, "2025-01-01", share)
    assert not any(held_out(users, "2025-01-01", 0.0))


def test_who_is_held_out_depends_on_user_and_day_only():
    users = [f"u{i:04d}" for i in range(500)]
    first = held_out(users, "2025-01-01", 0.3)
    assert held_out(users[::-1], "2025-01-01", 0.3) == first[::-1]
    assert held_out(users[:100], "2025-01-01", 0.3) == first[:100]
    other = held_out(users, "2025-01-02", 0.3)
    # Each day draws anew: being held out yesterday says nothing about today.
    both = np.mean(np.array(first) & np.array(other))
    assert abs(both - 0.09) < 4 * np.sqrt(0.09 * 0.91 / 500)


def brute_force(labels, risks, value):
    """Profit per user of every threshold, nobody included."""
    found = [0.0]
    for limit in set(risks.tolist()):
        chosen = labels[risks >= limit]
        won = value.success_rate * (value.customer_value - value.offer_cost) - value.contact_cost
        lost = value.offer_cost + value.contact_cost
        found.append((chosen.sum() * won - (len(chosen) - chosen.sum()) * lost) / len(labels))
    return max(found)


@given(ROWS, VALUES)
def test_the_maximum_profit_is_that_of_the_best_threshold(rows, value):
    labels, risks = map(np.array, zip(*rows, strict=True))
    risks = risks / 8
    found = profit_curve(labels, risks, value)
    assert found["best_profit_per_user"] == pytest.approx(brute_force(labels, risks, value))
    chosen = labels[risks >= found["best_threshold"]] if found["best_share"] else labels[:0]
    assert len(chosen) == round(found["best_share"] * len(labels))
    taken = labels[risks > found["break_even"]]
    won = value.success_rate * (value.customer_value - value.offer_cost) - value.contact_cost
    lost = value.offer_cost + value.contact_cost
    expected = (taken.sum() * won - (len(taken) - taken.sum()) * lost) / len(labels)
    assert found["chosen_profit_per_user"] == pytest.approx(expected)
    assert found["chosen_profit_per_user"] <= found["best_profit_per_user"] + 1e-9
    assert len(taken) == round(found["chosen_share"] * len(labels))


def test_the_curve_runs_from_nobody_to_everybody():
    rng = np.random.default_rng(0)
    risks = rng.random(5000)
    labels = (rng.random(5000) < risks).astype(int)
    found = profit_curve(labels, risks, PAPER)
    assert len(found["share"]) == len(found["profit_per_user"]) == CURVE_POINTS
    assert (found["share"][0], found["share"][-1], found["profit_per_user"][0]) == (0, 1, 0)
    share = labels.mean()
    assert found["profit_per_user"][-1] == pytest.approx(56 * share - 11 * (1 - share))
    assert max(found["profit_per_user"]) == pytest.approx(found["best_profit_per_user"], rel=0.01)
    # Risks that are true: the list that is chosen beforehand is about the best one.
    assert found["best_threshold"] == pytest.approx(found["break_even"], abs=0.05)
    best = pytest.approx(found["best_profit_per_user"], rel=0.02)
    assert found["chosen_profit_per_user"] == best
    assert found["value"] == PAPER.model_dump()


def integrated(labels, risks, value, a, b):
    """Equation 13: the best threshold's profit for each rate, weighted with the density."""
    limits = [*sorted(set(risks.tolist())), 2.0]
    left = np.array([labels[risks >= limit].sum() for limit in limits]) / len(labels)
    stayed = np.array([(1 - labels[risks >= limit]).sum() for limit in limits]) / len(labels)
    lost = value.offer_cost + value.contact_cost

    def best(rate):
        won = rate * (value.customer_value - value.offer_cost) - value.contact_cost
        return float(np.max(won * left - lost * stayed))

    def weighted(rate):
        return best(rate) * stats.beta.pdf(rate, a, b)

    return integrate.quad(weighted, 0, 1, limit=500, epsabs=1e-7)[0]


@pytest.mark.parametrize("base_rate", [0.05, 0.2])
@pytest.mark.parametrize("decimals", [1, 6])
def test_the_expected_maximum_profit_is_the_papers_integral(base_rate, decimals):
    rng = np.random.default_rng(7)
    labels = (rng.random(600) < base_rate).astype(int)
    risks = (1 / (1 + np.exp(-rng.normal(labels * 1.5 - 2, 1)))).round(decimals)
    found = expected_maximum_profit(labels, risks, PAPER)
    expected = integrated(labels, risks, PAPER, 6, 14)
    assert expected > 0
    assert found == pytest.approx(expected, rel=2e-3)


@given(ROWS)
def test_the_hull_loses_no_best_list(rows):
    """With the rate as good as known, the expected maximum is the maximum."""
    labels, risks = map(np.array, zip(*rows, strict=True))
    found = expected_maximum_profit(labels, risks / 8, PAPER, spread=1e7)
    assert found == pytest.approx(brute_force(labels, risks / 8, PAPER), abs=0.2)


@pytest.mark.parametrize("rate", [0.002, 0.01, 0.05, 0.3, 0.7, 0.95, 0.99, 0.998, 1.0])
def test_the_success_rate_has_the_mean_that_was_given(rate):
    """Everybody leaves, contacts are free: the maximum profit is the mean rate times the value."""
    value = Value(customer_value=1000.0, contact_cost=0.0, success_rate=rate)
    found = expected_maximum_profit(np.ones(10, dtype=int), np.linspace(0, 1, 10), value)
    assert found == pytest.approx(1000 * rate, rel=0.02)


def test_a_better_model_is_worth_more():
    rng = np.random.default_rng(0)
    labels = (rng.random(2000) < 0.15).astype(int)
    worth = [
        expected_maximum_profit(labels, labels * skill + rng.normal(0, 1, 2000), PAPER)
        for skill in (0.0, 1.0, 3.0, 30.0)
    ]
    assert worth == sorted(worth)
    # Nothing beats contacting exactly those who leave.
    assert worth[-1] == pytest.approx(labels.mean() * 56, rel=0.01)
