"""Where two bundles differ, in words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from churn_mlops.registry.bundle_difference import differences
from tests.trained import bundle_folder


def test_equal_bundles_have_no_difference() -> None:
    assert differences(bundle_folder(), bundle_folder()) == {}


def test_files_and_entries_that_differ_are_named(tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(bundle_folder(), other)
    body = json.loads((other / "bundle.json").read_text())
    body["settings"]["seed"] = 7
    body["settings"]["new"] = "x" * 100
    body["family"] = "other"
    body["metrics"] = dict.fromkeys(body["metrics"], -1.0)
    (other / "bundle.json").write_text(json.dumps(body))
    (other / "model_card.md").write_text("x")
    found = differences(bundle_folder(), other)
    assert list(found) == ["bundle.json", "model_card.md"]
    told = found["bundle.json"]
    assert "settings.seed 42 -> 7" in told
    assert "settings.new, " in told + ", "
    assert 'family "logistic_regression" -> "other"' in told
    assert f"{len(body['metrics']) - 5} more of metrics" in told
    assert found["model_card.md"].endswith("(1 bytes)")


def test_the_same_content_written_differently_is_said(tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(bundle_folder(), other)
    body = json.loads((other / "bundle.json").read_text())
    (other / "bundle.json").write_text(json.dumps(body))
    assert differences(bundle_folder(), other) == {
        "bundle.json": "the same content, written differently"
    }
