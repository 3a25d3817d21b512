"""How well a CronJob is, by the rule that Argo CD is given, run by the Lua that it speaks."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from lupa import lua51

from tests.argocd.objects import SETTINGS

NAME = "resource.customizations.health.batch_CronJob"
MONDAY, TUESDAY = "2026-03-02T02:15:00Z", "2026-03-03T02:15:00Z"
MONDAY_LATER = "2026-03-02T02:16:10Z"


def health(status: dict[str, Any] | None, *, suspend: bool = False) -> tuple[str, str]:
    lua = lua51.LuaRuntime(unpack_returned_tuples=True)
    made = {"spec": {"suspend": suspend}} | ({} if status is None else {"status": status})
    lua.globals().obj = lua.table_from(made, recursive=True)
    # Argo CD's scripts have neither files nor processes.
    for library in ("os", "io", "require"):
        lua.globals()[library] = None
    found = lua.execute(yaml.safe_load(SETTINGS.read_text())["data"][NAME])
    return found["status"], found["message"]


@pytest.mark.parametrize(
    ("status", "expected", "words"),
    [
        (None, "Healthy", "not run"),
        ({}, "Healthy", "not run"),
        ({"lastScheduleTime": MONDAY}, "Degraded", MONDAY),
        (
            {"lastScheduleTime": MONDAY, "lastSuccessfulTime": MONDAY_LATER},
            "Healthy",
            MONDAY_LATER,
        ),
        (
            {"lastScheduleTime": TUESDAY, "lastSuccessfulTime": MONDAY_LATER},
            "Degraded",
            TUESDAY,
        ),
        (
            {
                "lastScheduleTime": TUESDAY,
                "lastSuccessfulTime": MONDAY_LATER,
                "active": [{"name": "batch-score-1"}],
            },
            "Healthy",
            f"running since {TUESDAY}",
        ),
        ({"lastScheduleTime": MONDAY, "active": []}, "Degraded", MONDAY),
    ],
)
def test_the_last_run_tells(status: dict[str, Any] | None, expected: str, words: str) -> None:
    told, message = health(status)
    assert told == expected
    assert words in message


def test_who_suspends_a_job_is_not_told_that_it_failed() -> None:
    assert health({"lastScheduleTime": MONDAY}, suspend=True) == ("Healthy", "suspended")
