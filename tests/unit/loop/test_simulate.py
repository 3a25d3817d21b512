import pytest

from churn_mlops.loop.hindsight import summed_up
from churn_mlops.loop.simulate import facts, words
from churn_mlops.loop.stage import FIRST_DAY, Plan
from tests.unit.loop.lapse import day, trains, waits


@pytest.mark.parametrize(
    ("lived", "said"),
    [
        (day(0), "2025-05-01 drift OK; champion aaaaaaa"),
        (day(0, drift=None, validation="CHN105"), "2025-05-01 no list; champion aaaaaaa"),
        (
            day(0, drift="FAIL", headline="FAIL: minutes are 60 times larger"),
            "2025-05-01 drift FAIL (minutes are 60 times larger); champion aaaaaaa",
        ),
        (
            trains(0, "promoted", "b" * 12),
            "2025-05-01 drift OK, trained and promoted; champion bbbbbbb",
        ),
        (
            day(0, reverted=True),
            "2025-05-01 drift OK, put the champion before back; champion aaaaaaa",
        ),
    ],
)
def test_a_day_in_a_line(lived, said):
    assert words(lived) == said


def test_waiting_says_for_what():
    assert ", waits for CHN502, CHN506;" in words(waits(0, "CHN502", "CHN506"))


def test_a_long_headline_is_cut():
    assert "x…)" in words(day(0, drift="FAIL", headline=f"FAIL: {'x' * 200}"))


def test_the_command_tells_numbers():
    body = summed_up([day(0), trains(1, "refused", "a")], Plan("calm", 9, 1, FIRST_DAY), 30)
    told = facts(body)
    assert told["scenario"] == "calm"
    assert (told["retrains"], told["promotions"], told["refusals"]) == (1, 0, 1)
