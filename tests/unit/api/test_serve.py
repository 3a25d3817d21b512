from __future__ import annotations

import socket

import httpx
import pytest

from churn_mlops.api.serve import address, expose_metrics, listen
from churn_mlops.errors import ParamsError


def test_small_packets_are_sent_at_once() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        with socket.create_connection(listener.getsockname()):
            listener.setblocking(True)
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_address_is_one_that_a_browser_takes() -> None:
    with listen("127.0.0.1", 0) as listener:
        assert address(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_what_cannot_be_listened_on_is_told() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ParamsError, match=f"cannot listen on 127.0.0.1:{port}"):
            listen("127.0.0.1", port)
        with pytest.raises(ParamsError, match="cannot listen") as caught:
            expose_metrics("127.0.0.1", port)
    assert "serving.metrics_port" in str(caught.value)
    with pytest.raises(ParamsError, match=r"cannot listen on no\.such\.host\.invalid"):
        listen("no.such.host.invalid", 0)


def test_metrics_answer_on_their_own_port(tmp_path: object, monkeypatch: object) -> None:
    from prometheus_client import CollectorRegistry

    from churn_mlops.api import serve

    registry = CollectorRegistry()
    serve.exposed = lambda _: registry  # type: ignore[assignment]
    try:
        place = expose_metrics("127.0.0.1", 0)
    finally:
        from churn_mlops.api.siblings import exposed

        serve.exposed = exposed
    assert httpx.get(f"{place}/metrics").status_code == 200
