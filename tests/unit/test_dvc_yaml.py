"""dvc.yaml declares the code and the parameters of each stage."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml

from churn_mlops.params import Params, load

ROOT = Path(__file__).parents[2]
STAGES: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def load_script() -> Any:
    spec = importlib.util.spec_from_file_location("code", ROOT / "scripts/code_of_stages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("stage", STAGES)
def test_the_declared_code_is_the_code_that_is_imported(stage: str) -> None:
    declared = [path for path in STAGES[stage]["deps"] if path.startswith("src/")]
    assert sorted(declared) == load_script().code(stage), "run scripts/code_of_stages.py"


@pytest.mark.parametrize("stage", STAGES)
def test_declared_parameters_exist(stage: str) -> None:
    tree = Params().model_dump()
    for path in STAGES[stage]["params"]:
        below: Any = tree
        for part in path.split("."):
            assert part in below, path
            below = below[part]


def test_no_stage_shares_a_folder_or_file_with_another() -> None:
    listed = [o for stage in STAGES.values() for o in [*stage["outs"], *stage.get("metrics", [])]]
    outs = [next(iter(out)) if isinstance(out, dict) else out for out in listed]
    assert len(outs) == len(set(outs))
    for out in outs:
        assert not any(other != out and other.startswith(f"{out}/") for other in outs)


def test_the_champion_is_neither_cached_nor_removed() -> None:
    """A champion out of the run cache would undo a rollback."""
    stage = STAGES["promote_model"]
    for out in [*stage["outs"], *stage["metrics"]]:
        (options,) = out.values()
        assert options["cache"] is False
    (production,) = stage["outs"]
    assert production["${paths.artifacts}/production"]["persist"] is True


@pytest.mark.parametrize(
    "path", ["params.yaml", "examples/cdnow/params.yaml", "examples/oulad/params.yaml"]
)
def test_a_parameter_file_has_every_key_that_dvc_watches(path: str) -> None:
    tree = yaml.safe_load((ROOT / path).read_text())
    watched = {key for stage in STAGES.values() for key in stage["params"]}
    for key in sorted(watched | {"paths.data", "paths.artifacts", "tables.format"}):
        below: Any = tree
        for part in key.split("."):
            assert part in below, f"{path} lacks {key}"
            below = below[part]
    assert load(ROOT / path, environment={}).data.event_types
