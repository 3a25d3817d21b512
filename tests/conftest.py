"""Fixtures shared by all tests."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from churn_mlops import engine
from churn_mlops.params import Params

# Before any test imports a numeric library: as many tests run at a time as there are cores, so
# threads of OpenMP that wait for each other must not keep a core busy.
os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ["OMP_WAIT_POLICY"] = "passive"

# How long an example takes is no fact about it.
FACTS, ANY_FAILURE, NIGHTLY = "facts", "any-failure", "nightly"
settings.register_profile(FACTS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(NIGHTLY, settings.get_profile(FACTS), max_examples=1_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", FACTS))
settings.register_profile(
    ANY_FAILURE, settings.get_profile(FACTS), phases=(Phase.explicit, Phase.generate)
)


def examples(count: int) -> int:
    """How many examples a property test draws; ten times as many in the nightly profile."""
    return count * 10 if os.environ.get("HYPOTHESIS_PROFILE") == NIGHTLY else count


def load_script(name: str) -> ModuleType:
    """A module of scripts/, which is no package."""
    path = Path(__file__).parents[1] / "scripts" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


GROUPS = load_script("test_groups")
HEAVY = GROUPS.heavy_tests(GROUPS.ROOT)


# Tests of these files may run on any worker, others stay together by file, or by what they share.
APART = ("tests/mutants/test_mutants.py",)
TOGETHER = {
    f"tests/integration/{name}.py": "origin"
    for name in ("registry/test_reproduce", "test_dvc_remote", "test_retrain_workflow")
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only the nightly run has time for."""
    if os.environ.get("HYPOTHESIS_PROFILE") == NIGHTLY:
        return
    left_out = [item for item in items if item.get_closest_marker("nightly")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests of heavy groups."""
    if HEAVY.has(item.nodeid):
        item.add_marker(pytest.mark.heavy)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give the tests of a file, or of files that share something costly, to one worker."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return nodeid if file in APART else TOGETHER.get(file, file)

    return Scheduling(config, log)


def merge(tree: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lay one tree over another."""
    merged = dict(tree)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = (
            merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
        )
    return merged


@pytest.fixture(scope="session")
def make_params() -> Callable[..., Params]:
    """Build parameters from the defaults and one tree of differences."""

    def make(over: dict[str, Any] | None = None) -> Params:
        return Params.model_validate(merge(Params().model_dump(), over or {}))

    return make


@pytest.fixture(scope="session")
def con() -> Iterator[engine.Engine]:
    """One DuckDB for tests of pure functions on tables."""
    with engine.connect(Params()) as opened:
        yield opened


@pytest.fixture
def workspace(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
