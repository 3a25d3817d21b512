"""How a run ended is told, whether well or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from churn_mlops.kubeflow.final_status import message_of, run
from churn_mlops.params import Params
from tests.receiver import receiver

TOLD = {"pipeline": "churn-pipeline", "run": "nightly", "run_id": "42"}
FAILED = {"state": "FAILED", "error": {"code": 9, "message": "failed tasks: [train-baseline]"}}


@pytest.mark.parametrize("state", ["SUCCEEDED", "COMPLETE"])
def test_a_success_is_news_of_no_weight(state: str) -> None:
    message = message_of({**TOLD, "status": {"state": state}}, Params())
    assert (message.title, message.severity) == (
        "churn: the pipeline churn-pipeline succeeded",
        "info",
    )
    assert message.lines == ("Run: nightly (42)",)


def test_a_failure_says_what_kubeflow_says() -> None:
    message = message_of({**TOLD, "status": FAILED}, Params())
    assert (message.severity, message.facts["state"]) == ("critical", "FAILED")
    assert message.title.endswith("ended as FAILED")
    assert "train-baseline" in message.text()


@pytest.mark.parametrize("status", [None, {}, {"state": "CANCELLED", "error": None}])
def test_whatever_else_it_is_told_is_no_success(status: Any) -> None:
    assert message_of({**TOLD, "status": status}, Params()).severity == "critical"


def test_two_runs_are_two_messages_and_one_run_is_one() -> None:
    one, again, other = (
        message_of({**TOLD, "run_id": name, "status": FAILED}, Params()).id for name in "aab"
    )
    assert one == again != other


def test_every_channel_is_told(make_params: Callable[..., Params]) -> None:
    with receiver() as there:
        alert = {"webhook": there.url, "log": True, "link": "http://kubeflow"}
        params = make_params({"monitoring": {"alert": alert}})
        summary = run({**TOLD, "status": FAILED}, params)
    assert summary.facts["channels"] == ["webhook", "log"]
    (body,) = there.bodies
    assert (body["severity"], body["link"]) == ("critical", "http://kubeflow")
