"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from churn_mlops import engine
from churn_mlops.params import Params

# Before any test imports a numeric library: results and timings must not depend on load.
os.environ.setdefault("OMP_NUM_THREADS", "2")

# How long an example takes is no fact about it.
FACTS, ANY_FAILURE = "facts", "any-failure"
settings.register_profile(FACTS, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(FACTS)
settings.register_profile(
    ANY_FAILURE, settings.get_profile(FACTS), phases=(Phase.explicit, Phase.generate)
)


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
