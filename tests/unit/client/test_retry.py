from __future__ import annotations

import pytest

from churn_mlops.client.retry import Retry


@pytest.mark.parametrize("status", [429, 502, 503, 504, None])
def test_what_may_pass_is_tried_again_until_it_is_enough(status: int | None) -> None:
    retry = Retry(3)
    waits = [retry.wait(attempt, status, None) for attempt in range(4)]
    assert waits[3] is None
    for attempt, wait in enumerate(waits[:3]):
        assert wait is not None
        assert 0.05 * 2**attempt <= wait <= 0.1 * 2**attempt


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422, 500])
def test_what_would_be_refused_again_is_not(status: int) -> None:
    assert Retry(3).wait(0, status, "1") is None


def test_the_server_says_how_long_within_reason() -> None:
    retry = Retry(100)
    assert retry.wait(0, 429, "2") == 2
    assert retry.wait(0, 503, "86400") == 30
    late = retry.wait(90, 503, "Mon, 01 Jan 2029 00:00:00 GMT")
    assert late is not None
    assert late <= 5
