from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from churn_mlops.errors import ContractError
from churn_mlops.inference.kept import Batch, Kept
from churn_mlops.monitoring.past import Past
from churn_mlops.monitoring.promise import (
    floors,
    promise,
    promise_path,
    read_promise,
    write_promise,
)
from churn_mlops.params import Params
from tests.trained import bundle

RISKS = np.random.default_rng(0).beta(0.5, 3, 200)
BATCH = Batch(date(2025, 5, 1), "abc", pa.array(range(200)), RISKS, np.full(200, "none"), {})
NOTHING = Past((), -1.0, 0, ())


def test_a_promise_reads_back_as_it_was_made(tmp_path: Path) -> None:
    params = Params.model_validate({"monitoring": {"performance": {"confidence": 0.8}}})
    said = promise(BATCH, bundle(), NOTHING, params)
    path = tmp_path / "promises/one.json"
    write_promise(said, BATCH, path)
    assert read_promise(path) == said
    body = json.loads(path.read_text())
    assert (body["as_of_date"], body["model_version"], body["users"]) == ("2025-05-01", "abc", 200)
    assert body["confidence"] == said.confidence == 0.8
    assert set(body["estimated"]) == {"pr_auc", "roc_auc"}
    for one in said.estimated.values():
        assert one.low < one.value < one.high
    assert said.learned == {"reference_days": 0, "batches": [], "level": 0.0, "tilt": 0.0}


def test_profit_is_promised_where_a_contact_has_a_value() -> None:
    value = {"customer_value": 100.0, "contact_cost": 1.0}
    params = Params.model_validate({"scoring": {"value": value}})
    assert "profit" in promise(BATCH, bundle(), NOTHING, params).estimated


def test_the_place_names_day_and_model(tmp_path: Path) -> None:
    params = Params.model_validate({"paths": {"artifacts": str(tmp_path)}})
    place = promise_path(params, Kept(date(2025, 5, 1), "abc", tmp_path))
    assert place == tmp_path / "monitoring/promises/2025-05-01_abc.json"


@pytest.mark.parametrize(
    ("share", "expected"), [(0.8, (0.48, 0.78)), (0.0, (0.0, 0.5)), (1.0, (0.6, 0.85))]
)
def test_floors_are_a_share_of_what_was_tested(share: float, expected: tuple[float, float]) -> None:
    found = floors({"pr_auc": 0.6, "roc_auc": 0.85}, share)
    assert (found["pr_auc"], found["roc_auc"]) == pytest.approx(expected)


def test_no_promise_is_none(tmp_path: Path) -> None:
    assert read_promise(tmp_path / "none.json") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"estimated": {"pr_auc": 3}}'])
def test_a_damaged_promise_is_not_made_anew_in_silence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "one.json"
    path.write_text(text)
    with pytest.raises(ContractError, match="is no promise") as caught:
        read_promise(path)
    assert "backup" in str(caught.value.fix)
