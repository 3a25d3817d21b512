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

# Before any test imports a numeric library: results and timings must not depend on load.
os.environ.setdefault("OMP_NUM_THREADS", "2")

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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of heavy groups, and keep the tests of a file on one worker.

    A file that sets ``APART`` gives its tests to any worker.
    """
    groups = load_script("test_groups")
    heavy = groups.heavy_tests(groups.ROOT)
    for item in items:
        test = item.nodeid
        if heavy.has(test):
            item.add_marker(pytest.mark.heavy)
        file, _, name = test.partition("::")
        apart = getattr(getattr(item, "module", None), "APART", False)
        item.add_marker(pytest.mark.xdist_group(f"{file}:{name}" if apart else file))


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
