"""Deliveries to a gateway: addressed right, bounded in time, refusals in its own words."""

from __future__ import annotations

import pytest

from churn_mlops.errors import PublishError
from churn_mlops.monitoring.gauges import STATE, Board
from churn_mlops.monitoring.pushgateway import Push, push
from tests.mlflow_server import free_port
from tests.unit.monitoring.conftest import Gateway


def some(job: str = "churn_state", replace: bool = True, **grouping: str) -> Push:
    board = Board(STATE)
    board.set("churn_drift_status", 2)
    return Push(board, job, grouping, replace)


def test_a_group_is_added_to_or_replaced(gateway: Gateway) -> None:
    push(gateway.url, [some("churn_stage", False, stage="promote_model"), some()], 5)
    methods = [(method, path) for method, path, _ in gateway.requests]
    assert methods == [
        ("POST", "/metrics/job/churn_stage/stage/promote_model"),
        ("PUT", "/metrics/job/churn_state"),
    ]
    assert all("churn_drift_status 2.0" in text for *_, text in gateway.requests)


def test_a_path_and_a_last_slash_in_the_url(gateway: Gateway) -> None:
    push(f"{gateway.url}/behind/a/proxy/", [some()], 5)
    assert gateway.requests[0][1] == "/behind/a/proxy/metrics/job/churn_state"


def test_a_name_and_password_are_sent_and_never_shown(gateway: Gateway) -> None:
    url = gateway.url.replace("http://", "http://us%40er:se%2Fcret@")
    push(url, [some()], 5)
    assert gateway.authorization == "Basic dXNAZXI6c2UvY3JldA=="
    gateway.status = 500
    with pytest.raises(PublishError) as raised:
        push(url, [some()], 5)
    assert "cret" not in str(raised.value)
    assert gateway.url in str(raised.value)


def test_nobody_listens() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(PublishError, match=f"{url} did not take the metrics: .*refused") as raised:
        push(url, [some()], 5)
    assert "monitoring.publish.pushgateway" in (raised.value.fix or "")


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, b"pushed metrics are invalid\n", "400 Bad Request: pushed metrics are invalid"),
        (500, b"", "500 Internal Server Error"),
        (404, "no page 漢字 \xff".encode("latin-1", "replace"), "404 Not Found: no page"),
        (401, b"x" * 10_000, "401 Unauthorized: xxx"),
    ],
)
def test_it_refuses(gateway: Gateway, status: int, body: bytes, words: str) -> None:
    gateway.status, gateway.body = status, body
    with pytest.raises(PublishError, match=f"it answers {words}") as raised:
        push(gateway.url, [some(), some()], 5)
    assert len(gateway.requests) == 1
    assert len(raised.value.message) < 500


@pytest.mark.parametrize("how", ["hangs", "drips"])
def test_it_hangs(gateway: Gateway, how: str) -> None:
    gateway.drips = how == "drips"
    if how == "hangs":
        gateway.hangs.clear()
    with pytest.raises(PublishError, match=r"no answer within 0\.3 s|timed out"):
        push(gateway.url, [some()], 0.3)
    # It had not answered when we left.
    assert how == "drips" or not gateway.hangs.is_set()


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:port", "http://[::1", "http://127.0.0.1:99999", "http://no such host/",
     "http://nowhere.invalid", "http://", "http://a b:c@127.0.0.1:1"],
)  # fmt: skip
def test_wrong_urls_are_one_clear_error(url: str) -> None:
    with pytest.raises(PublishError, match=r"did not take the metrics: ."):
        push(url, [some()], 2)
