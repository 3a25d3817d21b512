from datetime import date, timedelta

import pytest

from churn_mlops.data.generate_synthetic import EVENT_TYPES
from churn_mlops.data.synthetic_drift import Effects, check_drift, effects
from churn_mlops.errors import ParamsError
from churn_mlops.loop.scenarios import SCENARIOS, scenario

CHANGE = date(2025, 6, 30)


def test_every_promised_scenario_is_there():
    assert set(SCENARIOS) == {
        "calm", "engagement-shift", "new-market", "broken-tracking", "seconds", "poisoned-week",
        "price-change", "late-data", "competitor",
    }  # fmt: skip
    assert all(scenario(name).name == name for name in SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_happens_before_its_day_and_the_portal_can_do_it(name):
    drift = scenario(name).drift(CHANGE)
    check_drift(drift, EVENT_TYPES)
    assert effects(drift, CHANGE - timedelta(days=1)) == Effects()
    assert (effects(drift, CHANGE) == Effects()) == (name == "calm")


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_change_that_stays_is_to_be_learned_and_a_fault_ends_with_its_bad_days(name):
    what = scenario(name)
    later = effects(what.drift(CHANGE), CHANGE + timedelta(days=90))
    assert (later != Effects()) == (what.expected == "retrain")
    bad = what.bad_days(CHANGE)
    assert bool(bad) == (what.expected == "nothing" and name != "calm")
    if bad:
        assert bad[0] == CHANGE
        assert effects(what.drift(CHANGE), bad[-1]) != Effects()
        assert effects(what.drift(CHANGE), bad[-1] + timedelta(days=1)) == Effects()


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_world_afterwards_is_as_if_it_had_always_been_so(name):
    what = scenario(name)
    always = what.afterwards(date(2025, 1, 1))
    later = CHANGE + timedelta(days=90)
    assert effects(always, date(2025, 1, 1)) == effects(what.drift(CHANGE), later)


def test_what_can_be_learned_waits_for_the_first_label_of_the_new_world():
    assert scenario("calm").learnable(CHANGE, 30) is None
    assert scenario("seconds").learnable(CHANGE, 30) is None
    assert scenario("competitor").learnable(CHANGE, 30) == CHANGE + timedelta(days=30)
    gradual = scenario("engagement-shift")
    half = effects(gradual.drift(CHANGE), CHANGE + timedelta(days=gradual.felt - 1)).activity_odds
    assert half == pytest.approx(0.7)
    assert gradual.learnable(CHANGE, 30) == CHANGE + timedelta(days=30 + gradual.felt)


def test_an_unknown_scenario_names_the_known_ones():
    with pytest.raises(ParamsError, match="no scenario 'earthquake'") as caught:
        scenario("earthquake")
    assert "poisoned-week" in str(caught.value)
