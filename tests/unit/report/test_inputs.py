from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.errors import ContractError
from churn_mlops.report.inputs import read_inputs
from tests.unit.report import made


def put(path: Path, body: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body if isinstance(body, str) else json.dumps(body))


def fill(root: Path) -> None:
    """Everything but a champion's bundle."""
    for name in ("candidate", "baseline"):
        put(root / f"artifacts/evaluation/{name}.json", made.evaluation(name))
    put(root / "artifacts/metrics/promotion.json", made.promotion())
    put(root / "artifacts/metrics/backtest.json", made.backtest())
    put(root / "data/validation/report.json", made.validation())
    rows = made.rows(30)
    lines = [",".join(rows[0])]
    lines += [",".join("" if v is None else str(v) for v in row.values()) for row in rows]
    put(root / "data/predictions/batch_predictions_latest.csv", "\n".join(lines) + "\n")


def test_everything_is_read(workspace: Path, make_params: Any) -> None:
    fill(workspace)
    found = read_inputs(make_params())
    assert [e.name for e in found.evaluations] == ["candidate", "baseline"]
    assert None not in (found.promotion, found.backtest, found.validation)
    assert found.users is not None
    assert len(found.users) == 20
    assert found.users[0].user_id == "1017"
    assert found.users[0].reasons[1].startswith("1 active day")
    assert found.champion is found.champion_fault is None


def test_without_an_evaluation_the_way_is_named(workspace: Path, make_params: Any) -> None:
    with pytest.raises(ContractError, match=r"candidate\.json nor baseline\.json\n.*`dvc repro`"):
        read_inputs(make_params())


def test_one_evaluation_is_enough(workspace: Path, make_params: Any) -> None:
    put(workspace / "artifacts/evaluation/baseline.json", made.evaluation("baseline"))
    found = read_inputs(make_params())
    assert found.promotion is found.backtest is found.validation is found.users is None


@pytest.mark.parametrize("text", ["{", "[]", '{"name": 1}'])
def test_a_broken_file_is_named(workspace: Path, make_params: Any, text: str) -> None:
    put(workspace / "artifacts/evaluation/candidate.json", text)
    with pytest.raises(ContractError, match=r"candidate\.json does not have its shape"):
        read_inputs(make_params())


def test_a_damaged_bundle_is_a_fault_not_an_error(workspace: Path, make_params: Any) -> None:
    fill(workspace)
    put(workspace / "artifacts/production/bundle.json", "{}")
    found = read_inputs(make_params())
    assert found.champion is None
    assert "lacks" in (found.champion_fault or "")
