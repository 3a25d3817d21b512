"""Progress: a bar on a terminal, a few log lines otherwise."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from churn_mlops import progress


def test_short_work_logs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.steps("work", 3) as step:
        for n in range(3):
            step(f"part {n}")
    assert capsys.readouterr().err == ""


def test_long_work_logs_where_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter(range(0, 1000, 3))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with progress.steps("work", 4) as step:
        for n in range(4):
            step(f"part {n}")
    captured = capsys.readouterr()
    text = captured.err + captured.out
    assert "2/4" in text
    assert "4/4" in text
    assert "1/4" not in text


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress.steps("work", 1) as step:
        step("part")
        seen.append(step)
    assert len(seen) == 1
