"""One process at a time; the place is a folder here, tests/integration/loop has a bucket."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from churn_mlops.errors import BackupError, WorkspaceBusyError
from churn_mlops.loop.lease import KEPT, lease
from churn_mlops.loop.state_store import Store

QUICK = {"wait": 0.2, "look": 0.01, "lasts": 5.0, "every": 0.05}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "bucket"))


def test_one_has_it_and_the_next_gets_it_afterwards(store: Store) -> None:
    with lease(store, **QUICK) as held:
        held.check()
        with pytest.raises(WorkspaceBusyError, match="works on"), lease(store, **QUICK):
            pytest.fail("two at once")
    with lease(store, **QUICK) as held:
        held.check()


def test_who_waits_gets_it(store: Store) -> None:
    order: list[str] = []

    def wait() -> None:
        with lease(store, **(QUICK | {"wait": 10.0})):
            order.append("second")

    with lease(store, **QUICK):
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_lease_that_is_not_renewed_runs_out(store: Store) -> None:
    """Its holder, should it still live, learns it before it puts anything back."""
    dead = QUICK | {"lasts": 0.1, "every": 60.0}
    with lease(store, **dead) as first:
        time.sleep(0.15)
        with lease(store, **QUICK) as second:
            second.check()
            with pytest.raises(WorkspaceBusyError, match="was not heard from"):
                first.check()


def test_a_lease_that_is_renewed_does_not(store: Store) -> None:
    with lease(store, **(QUICK | {"lasts": 0.3})) as held:
        time.sleep(0.6)
        with pytest.raises(WorkspaceBusyError), lease(store, **QUICK):
            pytest.fail("two at once")
        held.check()


def test_of_many_at_once_one_is_in(store: Store) -> None:
    inside, most = 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        with lease(store, **(QUICK | {"wait": 30.0})):
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.01)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert len(store.names("leases")) <= KEPT


def test_what_is_no_lease_is_told(store: Store) -> None:
    store.write("leases/00000001.json", b"rubbish")
    with pytest.raises(BackupError, match="no lease"), lease(store, **QUICK):
        pytest.fail("nobody knows who has it")
