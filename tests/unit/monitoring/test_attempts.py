"""Waiting longer and longer, but not for ever."""

from __future__ import annotations

import pytest

from churn_mlops.monitoring.attempts import (
    LONGEST_WAIT_SECONDS,
    RefusedError,
    TryAgainError,
    backoff,
    deliver,
    wait_seconds,
)


def test_each_wait_is_twice_the_last_up_to_the_longest() -> None:
    assert [backoff(n, 2.0) for n in (1, 2, 3)] == [2, 4, 8]
    assert backoff(99, 2.0) == LONGEST_WAIT_SECONDS
    assert backoff(5000, 30.0) == LONGEST_WAIT_SECONDS
    assert backoff(2, 3600.0) == 3600
    assert backoff(7, 0) == 0


def test_the_other_side_may_ask_for_more_within_reason() -> None:
    assert wait_seconds(1, 2.0, None) == 2
    assert wait_seconds(1, 2.0, 7.0) == 7
    assert wait_seconds(2, 2.0, 1.0) == 4
    assert wait_seconds(1, 2.0, 86_400.0) == LONGEST_WAIT_SECONDS
    assert wait_seconds(1, 2.0, -5.0) == 2


def failing(times: int, calls: list[int]) -> object:
    def send() -> None:
        calls.append(1)
        if len(calls) <= times:
            raise TryAgainError("away")

    return send


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_it_is_tried_until_it_works(failures: int) -> None:
    calls: list[int] = []
    assert deliver(failing(failures, calls), "slack", 3, 0) == failures + 1


@pytest.mark.parametrize(("tries", "words"), [(1, "tried once"), (3, "tried 3 times")])
def test_after_all_tries_it_is_refused(tries: int, words: str) -> None:
    calls: list[int] = []
    with pytest.raises(RefusedError, match=rf"away \({words}\)"):
        deliver(failing(9, calls), "slack", tries, 0)
    assert len(calls) == tries


def test_what_is_refused_is_not_tried_again() -> None:
    calls: list[int] = []

    def send() -> None:
        calls.append(1)
        raise RefusedError("never")

    with pytest.raises(RefusedError, match=r"^never$"):
        deliver(send, "slack", 5, 0)
    assert calls == [1]
