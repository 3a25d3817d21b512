"""Which files are a workspace's state, and that nothing else is ever written to."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_mlops.loop.state import state_files, state_path
from churn_mlops.params import Params

PARAMS = Params.model_validate({"paths": {"data": "d", "artifacts": "a/b"}})


def test_the_state_is_found_wherever_the_roots_are(workspace: Path) -> None:
    kept = {
        "artifacts/ledger.jsonl": "a/b/ledger.jsonl",
        "artifacts/metrics/promotion.json": "a/b/metrics/promotion.json",
        "artifacts/monitoring/drift/2025-05-01.json": "a/b/monitoring/drift/2025-05-01.json",
        "artifacts/production/model.onnx": "a/b/production/model.onnx",
        "data/scored/2025-05-01.csv": "d/scored/2025-05-01.csv",
    }
    not_kept = [
        "a/b/models/x",
        "d/raw/x",
        "a/b/.lock",
        "a/b/production/.x.writing",
        "a/b/metrics/x",
    ]
    for path in (*kept.values(), *not_kept):
        (workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace / path).write_text("x")
    assert state_files(PARAMS) == {name: Path(path) for name, path in kept.items()}
    for name, path in kept.items():
        assert state_path(PARAMS, name) == Path(path)


@pytest.mark.parametrize(
    "name",
    [
        "artifacts/../x",
        "artifacts/production/../../x",
        "artifacts/productions/x",
        "artifacts/models/x",
        "data/raw/x",
        "/etc/passwd",
        "artifacts//etc/passwd",
        "artifacts/production/..\\x",
        "scored/x",
        "",
    ],
)
def test_no_other_name_leads_anywhere(name: str) -> None:
    with pytest.raises(ValueError, match="is no file of a workspace's state"):
        state_path(PARAMS, name)
