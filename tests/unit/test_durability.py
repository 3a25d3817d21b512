"""What is promised to outlive a loss of power is on the disk before the call returns."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from churn_mlops.errors import LedgerError
from churn_mlops.registry.ledger import Ledger
from tests.system_calls import Call, record


def test_an_entry_of_the_ledger_is_on_the_disk_when_append_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append("first")
    calls = record(monkeypatch)
    ledger.append("second", note="x" * 1000)
    assert calls == [Call("fsync", ledger.path, size=ledger.path.stat().st_size)]


def test_the_name_of_a_new_ledger_is_on_the_disk_after_its_first_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "new" / "ledger.jsonl")
    calls = record(monkeypatch)
    ledger.append("first")
    size = ledger.path.stat().st_size
    assert calls == [Call("fsync", ledger.path, size=size), Call("fsync", ledger.path.parent)]


def test_an_entry_that_does_not_reach_the_disk_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append("first")
    before = ledger.path.read_bytes()

    def failing(file: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", failing)
        with pytest.raises(LedgerError, match="cannot be written: Input/output error"):
            ledger.append("second")
    assert ledger.path.read_bytes() == before
    assert ledger.append("second").n == 2
