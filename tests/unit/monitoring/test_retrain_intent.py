"""What a training was for outlives it, with what the gate has said since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from churn_mlops.errors import ContractError
from churn_mlops.monitoring import retrain_intent
from churn_mlops.monitoring.retrain_decision import decide
from churn_mlops.params import Params
from churn_mlops.registry.history import ledger
from tests.unit.monitoring.test_retrain_checks import PARAMS, READY
from tests.unit.monitoring.test_triggers import DAY

DECISION = decide(READY, PARAMS, reason="new tariff")
PLACE = Path("monitoring/retrain_begun.json")


@pytest.fixture
def params(tmp_path: Path) -> Params:
    (tmp_path / "monitoring").mkdir()
    return Params.model_validate({"paths": {"artifacts": str(tmp_path)}})


def gate(params: Params, action: str, reason: str) -> None:
    challenger = {"version": "c" * 12, "digest": "c" * 64, "family": "x"}
    facts: dict[str, Any] = {"challenger": challenger, "champion": None, "reason": reason}
    ledger(params).append(action, as_of_date=str(DAY), **facts)


def test_it_is_read_as_it_was_written(params: Params) -> None:
    assert retrain_intent.begun(params) is None
    written = retrain_intent.begin(DECISION, params)
    read = retrain_intent.begun(params)
    assert read == written
    assert read is not None
    assert (read.day, read.reasons["by hand"]) == (DAY, "new tariff")
    assert list(read.facts) == list(DECISION.as_json()), "what is told of it has the same bytes"
    retrain_intent.end(params)
    retrain_intent.end(params)
    assert retrain_intent.begun(params) is None


def test_only_what_the_gate_has_said_since_counts(params: Params) -> None:
    gate(params, "promoted", "an earlier one")
    intent = retrain_intent.begin(DECISION, params)
    assert intent.gate_said(params) is None
    gate(params, "refused", "no better")
    assert [one.action for one in intent.since(params)] == ["refused"]
    assert intent.gate_said(params) == {
        "decision": "refused", "reason": "no better", "version": "c" * 12,
    }  # fmt: skip


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"after": "x"}'])
def test_what_is_damaged_is_named(body: str, params: Params) -> None:
    retrain_intent.begin(DECISION, params)
    (Path(params.paths.artifacts) / PLACE).write_text(body)
    with pytest.raises(ContractError, match=r"retrain_begun\.json is damaged"):
        retrain_intent.begun(params)
