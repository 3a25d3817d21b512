from datetime import date, timedelta
from types import SimpleNamespace
from typing import get_args

import pytest

from churn_mlops.data.synthetic_drift import KINDS, Effects, check_drift, effects
from churn_mlops.data.synthetic_log import EVENT_TYPES
from churn_mlops.params.tree import Drift

FROM, TO = date(2025, 2, 1), date(2025, 2, 10)


def change(kind, **over):
    values = {"start": FROM, "end": TO, "strength": 1.0, "event_type": None, "ramp_days": 0} | over
    return SimpleNamespace(kind=kind, **values)


def test_the_table_has_the_kinds_of_the_parameters():
    assert set(KINDS) == set(get_args(Drift.model_fields["kind"].annotation))


@pytest.mark.parametrize(
    ("drift", "expected"),
    [
        (change("engagement_shift", strength=0.5), Effects(activity_odds=0.5)),
        (change("country_mix", strength=0.7), Effects(new_country_share=0.7)),
        (change("country_mix", strength=3.0), Effects(new_country_share=1.0)),
        (change("price_change", strength=1.5), Effects(price=1.5)),
        (change("broken_tracking", event_type="login"), Effects(untracked=frozenset({"login"}))),
        (change("unit_error"), Effects(minutes_factor=60.0)),
        (change("mixed_up_users", strength=0.4), Effects(mixed_up=0.4)),
        (change("mixed_up_users", strength=2.0), Effects(mixed_up=1.0)),
        (change("new_market", strength=2.5), Effects(new_market=2.5)),
        (change("competitor", strength=4.0), Effects(rival=4.0)),
        (change("late_delivery", strength=0.5), Effects(delayed=0.5)),
    ],
)
def test_a_kind_acts_from_start_to_end(drift, expected):
    assert effects([drift], FROM) == effects([drift], TO) == expected
    assert effects([drift], date(2025, 1, 31)) == effects([drift], date(2025, 2, 11)) == Effects()


def test_without_an_end_it_stays():
    assert effects([change("unit_error", end=None)], date(2031, 1, 1)).minutes_factor == 60.0


def test_drift_adds_up():
    both = [change("engagement_shift", strength=0.5), change("engagement_shift", strength=3.0)]
    assert effects(both, FROM).activity_odds == 1.5
    lost = [change("broken_tracking", event_type=name) for name in ("login", "video_watch")]
    assert effects(lost, FROM).untracked == {"login", "video_watch"}
    late = [change("late_delivery", strength=0.5), change("late_delivery", strength=0.2)]
    assert effects(late, FROM).delayed == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("kind", "strength", "read", "course"),
    [
        ("engagement_shift", 0.5, "activity_odds", [0.875, 0.75, 0.625, 0.5, 0.5]),
        ("price_change", 2.0, "price", [1.25, 1.5, 1.75, 2.0, 2.0]),
        ("new_market", 4.0, "new_market", [1.0, 2.0, 3.0, 4.0, 4.0]),
        ("mixed_up_users", 0.4, "mixed_up", [0.1, 0.2, 0.3, 0.4, 0.4]),
    ],
)
def test_a_ramp_grows_linearly_from_nothing_to_the_strength(kind, strength, read, course):
    drift = [change(kind, strength=strength, ramp_days=4)]
    found = [getattr(effects(drift, FROM + timedelta(days=n)), read) for n in range(5)]
    assert found == pytest.approx(course)
    assert effects(drift, FROM - timedelta(days=1)) == Effects()


def test_a_higher_price_raises_the_hazard():
    assert Effects(price=2.0).hazard == 4.0
    assert Effects().hazard == 1.0


@pytest.mark.parametrize(
    ("drift", "message"),
    [
        (change("earthquake"), "unknown drift"),
        (change("unit_error", strength=0.0), "not above 0"),
        (change("unit_error", end=date(2025, 1, 1)), "lies before start"),
        (change("engagement_shift", ramp_days=-1), "ramp_days -1"),
        (change("unit_error", ramp_days=7), "ramp_days 7"),
        (change("broken_tracking"), "none of"),
        (change("broken_tracking", event_type="sneeze"), "none of"),
    ],
)
def test_refuses_impossible_drift(drift, message):
    with pytest.raises(ValueError, match=message):
        check_drift([drift], EVENT_TYPES)


def test_accepts_possible_drift():
    assert check_drift([change("broken_tracking", event_type="login")], EVENT_TYPES) is None
