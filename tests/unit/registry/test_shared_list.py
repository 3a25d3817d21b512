"""How a list is named beside the champion; tests/integration/api shares real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn_mlops.errors import ContractError
from churn_mlops.params import Params, Tracking
from churn_mlops.registry.shared_list import SharedList, is_shared, share

GOOD = SharedList("2025-04-30", "a" * 64, "lists/1")


def test_a_tag_is_read_back() -> None:
    assert SharedList.of_tag(GOOD.as_tag()) == GOOD
    assert SharedList.of_tag(None) is None
    assert SharedList.of_tag("") is None


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "{}",
        json.dumps({"as_of_date": "2025-04-30", "sha256": "a" * 63, "folder": "lists/1"}),
        json.dumps({"as_of_date": "2025-04-30", "sha256": "a" * 64, "folder": "../../other"}),
        json.dumps({"as_of_date": "soon", "sha256": "a" * 64, "folder": "lists/0"}),
    ],
)
def test_another_tag_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match="not one of ours"):
        SharedList.of_tag(text)


def test_only_a_server_is_asked_by_others() -> None:
    assert not is_shared(Params())
    assert is_shared(Params(tracking=Tracking(uri="http://mlflow:5000")))


def test_without_a_list_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert share(Params(tracking=Tracking(uri="http://127.0.0.1:9"))) is None
