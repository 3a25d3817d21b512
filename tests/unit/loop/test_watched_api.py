import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from churn_mlops.loop import watched_api
from churn_mlops.loop.watched_api import Answers, WatchedApi


class Server(ThreadingHTTPServer):
    """Answers like the API: which model, and whether at all."""

    version = "old"
    status = 200
    after = 10**9
    asked = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.server.asked += 1
        self.rfile.read(int(self.headers["content-length"]))
        version = "new" if self.server.asked > self.server.after else self.server.version
        body = json.dumps({"model_version": version, "churn_risk": 0.5}).encode()
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


@pytest.fixture
def api(server: Server) -> Iterator[WatchedApi]:
    found = WatchedApi(f"http://127.0.0.1:{server.server_port}", [{"a": 1}, {"a": 2}])
    yield found
    found.close()


def test_answers_are_counted_with_the_model_that_gave_them(api):
    api.ask(3)
    assert api.answers.as_json() == {"requests": 3, "failed": 0, "version": "old"}
    api.new_day()
    assert api.answers.as_json() == {"requests": 0, "failed": 0, "version": "old"}


def test_every_other_answer_is_a_failure(api, server):
    server.status = 503
    api.ask()
    assert (api.answers.requests, api.answers.failed) == (1, 1)


def test_so_is_no_answer():
    api = WatchedApi("http://127.0.0.1:9", [{}])
    api.ask()
    assert (api.answers.requests, api.answers.failed) == (1, 1)
    api.close()


def test_it_asks_all_along_and_stops(api, server):
    reached = threading.Event()
    with api.all_along():
        while server.asked < 3:
            reached.wait(0.01)
    asked = server.asked
    assert api.answers.requests == asked >= 3
    assert not any(thread.name == "asks-the-api" for thread in threading.enumerate())


def test_it_waits_for_a_model(api, server):
    server.after = 3
    assert api.until("new")
    assert api.answers.version == "new"


def test_but_not_for_ever(api, monkeypatch):
    monkeypatch.setattr(watched_api, "SWAP_SECONDS", 0.2)
    assert not api.until("another")


def test_a_failure_does_not_change_the_model():
    answers = Answers(version="old")
    answers.add(None)
    assert answers.version == "old"
