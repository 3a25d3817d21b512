from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from churn_mlops.data.generate_synthetic import ACTIVE_EVENTS, blocks, inactivity_probability
from churn_mlops.data.synthetic_truth import truth
from churn_mlops.params import Drift, Synthetic

START, DAY, WINDOW = date(2025, 1, 1), 20, 10


def portal(**over):
    return Synthetic(users=600, seed=3, **over)


def silent_in_the_log(synthetic, users):
    active = np.zeros(users, bool)
    for block in blocks(synthetic, START, DAY + 1, DAY + WINDOW):
        rows = block.events.filter(pc.is_in(block.events["event_type"], pa.array(ACTIVE_EVENTS)))
        ids = rows["user_id"].to_numpy()
        active[ids[ids <= users] - 1] = True
    return ~active


def test_it_is_what_a_faultless_log_says_and_what_the_oracle_says():
    found = truth(portal(), START, [DAY, 5], WINDOW)
    assert set(found) == {5, DAY}
    known = found[DAY]
    assert known.users.tolist() == list(range(1, len(known.users) + 1))
    assert (known.silent == silent_in_the_log(portal(), len(known.users))).all()
    oracle = inactivity_probability(portal(), START, DAY, WINDOW)
    assert (known.probability == oracle["probability"].to_numpy()).all()
    assert len(found[5].users) < len(known.users)


@pytest.mark.parametrize(
    "fault",
    [
        Drift(kind="mixed_up_users", start=date(2025, 1, 22), end=date(2025, 1, 28)),
        Drift(kind="broken_tracking", start=date(2025, 1, 22), event_type="login"),
        Drift(kind="late_delivery", start=date(2025, 1, 22), strength=0.9),
    ],
)
def test_faults_of_the_log_do_not_touch_it(fault):
    one, other = (truth(portal(drift=d), START, [DAY], WINDOW)[DAY] for d in ((), (fault,)))
    assert (one.silent == other.silent).all()
    assert (one.probability == other.probability).all()


def test_users_are_found_by_their_ids_in_the_order_asked_for():
    known = truth(portal(), START, [DAY], WINDOW)[DAY]
    some = known.of(np.array([7, 3, 250]))
    assert some.users.tolist() == [7, 3, 250]
    assert (some.silent == known.silent[[6, 2, 249]]).all()
    assert (some.probability == known.probability[[6, 2, 249]]).all()


def test_no_day_no_truth():
    assert truth(portal(), START, [], WINDOW) == {}
