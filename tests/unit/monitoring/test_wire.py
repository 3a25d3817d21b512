"""Deliveries end in time, and URLs keep their secrets."""

from __future__ import annotations

import threading

import pytest

from churn_mlops.monitoring.wire import (
    address_and_login,
    hide,
    only_host,
    secrets_of,
    within,
    without_secrets,
)

SLACK = "https://hooks.slack.com/services/T0001/B0002/abcDEF123456"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://a:b@c:9091/x", "http://c:9091/x"),
        ("https://c/x@y", "https://c/x@y"),
        ("http://p@ss:w@c", "http://c"),
    ],
)
def test_what_is_shown_of_a_url(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (SLACK, "https://hooks.slack.com"),
        ("http://u:p@host:80/x?token=y", "http://host:80"),
        ("http://host?token=y", "http://host"),
    ],
)
def test_only_the_host_is_shown(url: str, shown: str) -> None:
    assert only_host(url) == shown


def test_every_part_of_a_secret_path_is_hidden() -> None:
    text = f"no {SLACK}, not even /services/T0001/B0002/abcDEF123456 or abcDEF123456 alone"
    shown = hide(text, secrets_of(SLACK))
    assert "abcDEF" not in shown
    assert "B0002" not in shown
    assert "hooks.slack.com" in shown


def test_logins_and_queries_are_hidden_as_they_are_and_as_they_are_meant() -> None:
    secrets = secrets_of("https://robot:se%2Fcret@host/hook?token=t0ken%20x")
    for secret in ("se%2Fcret", "se/cret", "t0ken%20x", "t0ken x"):
        assert hide(secret, secrets) == "***"


def test_nothing_is_secret_about_a_host() -> None:
    assert secrets_of("https://host:8080") == set()
    assert secrets_of("https://host/") == set()


def test_a_login_is_taken_out_of_an_address() -> None:
    assert address_and_login("http://us%40er:p@h/x") == ("http://h/x", "us@er", "p")


def test_what_does_not_end_is_left() -> None:
    leave = threading.Event()
    with pytest.raises(TimeoutError):
        within(0.05, lambda: leave.wait(20) and None)
    leave.set()


def test_what_is_raised_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0 and None)
