from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from churn_mlops.api.rate_limit import RateLimit

rates = st.floats(0.1, 1000)
bursts = st.integers(1, 20)
gaps = st.lists(st.floats(0, 2), min_size=1, max_size=80)


@given(rates, bursts, gaps)
def test_no_window_lets_more_in_than_it_may(rate: float, burst: int, waits: list[float]) -> None:
    limit, now, passed = RateLimit(rate, burst), 0.0, []
    for wait in waits:
        now += wait
        if limit.take("a", now) == 0:
            passed.append(now)
    for first, start in enumerate(passed):
        for count, end in enumerate(passed[first:], start=1):
            assert count <= burst + rate * (end - start) + 1e-3


@given(rates, bursts, gaps)
def test_whoever_waits_as_told_gets_in(rate: float, burst: int, waits: list[float]) -> None:
    limit, now = RateLimit(rate, burst), 1e6
    for wait in waits:
        now += wait
        told = limit.take("a", now)
        if told > 0:
            now += told
            assert limit.take("a", now) == 0


def test_a_burst_passes_and_clients_do_not_share() -> None:
    limit = RateLimit(1.0, 3)
    assert [limit.take("a", 5.0) for _ in range(3)] == [0, 0, 0]
    assert abs(limit.take("a", 5.0) - 1.0) < 1e-6
    assert limit.take("b", 5.0) == 0
    # A refusal costs nothing: asking again and again does not push the turn away.
    for _ in range(50):
        limit.take("a", 5.5)
    assert limit.take("a", 6.0) == 0


def test_the_memory_is_bounded() -> None:
    limit = RateLimit(1.0, 1, most_clients=1000)
    for number in range(100_000):
        limit.take(str(number), 0.0)
    assert len(limit._due) == 1000
    assert limit.take("99999", 0.0) > 0
    assert limit.take("0", 0.0) == 0


def test_it_keeps_time_by_itself() -> None:
    limit = RateLimit(0.001, 1)
    assert limit.take("a") == 0
    assert 900 < limit.take("a") <= 1000
