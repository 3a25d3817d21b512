from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from churn_mlops.api.rate_limit import LOOKS, MOST_CLIENTS, RateLimit
from tests.serving import ask, golden_request, workspace

KEYS = ("first-key-0123456789", "second-key-0123456789")

rates = st.floats(0.01, 10_000)
bursts = st.integers(1, 50)
starts = st.sampled_from([0.0, 12.5, 86_400.0, 5e7])
# Between requests, in units of the time that one request takes to come back.
pauses = st.lists(st.one_of(st.just(0.0), st.floats(0, 3), st.floats(0, 100)), max_size=200)


@given(rates, bursts, starts, pauses)
def test_no_window_lets_in_more_than_burst_and_rate(
    rate: float, burst: int, start: float, pauses: list[float]
) -> None:
    limit, now, let_in = RateLimit(rate, burst), start, []
    for pause in pauses:
        now += pause / rate
        if limit.take("a", now) == 0:
            let_in.append(now)
    for first, begin in enumerate(let_in):
        for last in range(first, len(let_in)):
            window = let_in[last] - begin
            assert last - first + 1 <= burst + rate * (window + 1e-5)


@given(rates, bursts, starts, pauses)
def test_who_waits_as_told_is_let_in_and_was_not_kept_too_long(
    rate: float, burst: int, start: float, pauses: list[float]
) -> None:
    limit, now = RateLimit(rate, burst), start
    for pause in pauses:
        now += pause / rate
        wait = limit.take("a", now)
        assert 0 <= wait <= 1 / rate + 1e-5
        if wait:
            now += wait
            assert limit.take("a", now) == 0


@given(rates, bursts, starts)
def test_after_silence_the_burst_is_whole(rate: float, burst: int, start: float) -> None:
    limit = RateLimit(rate, burst)
    for now in (start, start + burst / rate + 1e-5):
        for _ in range(burst):
            assert limit.take("a", now) == 0
        assert limit.take("a", now) > 0


def test_clients_do_not_share() -> None:
    limit = RateLimit(1, 2)
    assert [limit.take("a", 0), limit.take("a", 0), limit.take("a", 0)] == [0, 0, pytest.approx(1)]
    assert limit.take("b", 0) == 0
    assert limit.take("a", 0.25) == pytest.approx(0.75)


def test_who_is_turned_away_does_not_wait_longer_for_it() -> None:
    limit = RateLimit(1, 1)
    limit.take("a", 0)
    waits = [limit.take("a", tenth / 10) for tenth in range(1, 10)]
    assert all(later < sooner for sooner, later in pairwise(waits))
    assert limit.take("a", 1.0) == 0


def test_the_clock_is_the_monotonic_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    limit = RateLimit(1, 1)
    assert limit.take("a") == 0
    assert limit.take("a", 100.5) == pytest.approx(0.5)


@pytest.mark.slow
@pytest.mark.parametrize("apart", [0.0, 1.0])
def test_a_million_clients_do_not_fill_the_memory(apart: float) -> None:
    limit, most = RateLimit(1, 20), 0
    for number in range(1_000_000):
        limit.take(str(number), number * apart)
        most = max(most, len(limit))
    # Those who ask once a second are whole again before the next one comes.
    assert most == (MOST_CLIENTS if apart < 1 else 1)


@given(st.lists(st.integers(0, 300), max_size=400), st.integers(1, 100))
def test_never_more_clients_than_allowed(clients: list[int], most: int) -> None:
    limit = RateLimit(1, 3, most)
    for place, client in enumerate(clients):
        limit.take(str(client), place / 100)
        assert len(limit) <= most


def test_whole_allowances_are_forgotten_before_others() -> None:
    limit = RateLimit(1, 10, most_clients=LOOKS)
    for number in range(LOOKS - 1):
        limit.take(f"rare-{number}", 0.0)
    for _ in range(10):
        limit.take("busy", 5.0)
    # The rare ones are whole again: each makes room for a new one, and the busy one stays.
    for number in range(LOOKS - 1):
        now = 5.0 + number * 0.01
        assert limit.take(f"new-{number}", now) == 0
        assert limit.take("busy", now) > 0
    assert len(limit) == LOOKS


def test_who_comes_no_more_is_forgotten() -> None:
    limit = RateLimit(1, 1)
    for number in range(10_000):
        limit.take(str(number), number * 0.01)
    # 100 clients a second, each whole again after one.
    assert len(limit) <= 200


def test_the_api_turns_away_one_client_and_not_the_other(tmp_path: Path) -> None:
    body, _ = golden_request()

    async def questions(client: httpx.AsyncClient) -> list[list[httpx.Response]]:
        return [
            [await client.post("/predict", json=body, headers={"x-api-key": key}) for _ in range(4)]
            for key in KEYS
        ]

    # One request in 1,000 s beside the burst: none comes back during the test.
    keys = tuple(SecretStr(key) for key in KEYS)
    params = workspace(tmp_path, api_keys=keys, rate_limit=0.001, rate_limit_burst=3)
    for answers in ask(params, questions):
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 900 < int(answers[3].headers["retry-after"]) <= 1_000
