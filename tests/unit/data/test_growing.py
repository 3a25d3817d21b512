"""Day by day gives what the whole gives, to the last bit."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from churn_mlops.features import features_day
from churn_mlops.training import labels_day
from tests.conftest import examples
from tests.grown_days import (
    DAY_STEPS,
    assert_equal,
    build,
    files,
    live,
    portal,
    tables,
    whole,
)

SLOW = settings(
    max_examples=examples(3),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def portals(draw: st.DrawFn) -> dict[str, Any]:
    """What a small portal can be like."""
    share = st.sampled_from([0.0, 0.02, 0.2])
    dirt = {n: draw(share) for n in ("duplicates", "unknown_users", "impossible_values")}
    dirt["late"] = draw(st.sampled_from([0.0, 0.3]))
    # An impossible row of a day before the sign-up would be far too late if it were good.
    some = [(), ("CHN123", "CHN124")] if dirt["impossible_values"] else [(), ("CHN121",)]
    muted = draw(st.sampled_from(some))
    synthetic = {"users": draw(st.integers(15, 90)), "seed": draw(st.integers(0, 99))}
    return {
        "data": {
            "synthetic": synthetic | {"dirt": dirt},
            "late_days": draw(st.sampled_from([3, 5])),
        },
        "churn": {"active_within_days": draw(st.sampled_from([None, 3, 9]))},
        "validation": {"muted": muted},
        "features": {"windows_days": draw(st.sampled_from([(2, 5), (3,)]))},
    }


@pytest.mark.slow
@SLOW
@given(over=portals(), steps=st.lists(st.sampled_from([1, 1, 1, 2]), min_size=2, max_size=4))
def test_day_by_day_is_the_whole(
    tmp_path_factory: pytest.TempPathFactory, over: dict[str, Any], steps: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("grown")
    begin = 16
    grown = whole(folder / "grown", begin, over)
    reached = begin
    for step in steps:
        reached += step
        told = live(grown, reached)
        assert not any("as a whole" in one.facts for one in told), told
    expected = tables(whole(folder / "whole", reached, over))
    assert_equal(tables(grown), expected)
    build(grown)
    assert_equal(tables(grown), expected)
    live(grown, reached + 1)
    assert_equal(tables(grown), tables(whole(folder / "later", reached + 1, over)))
    shutil.rmtree(folder)


@pytest.mark.slow
def test_csv_is_built_as_a_whole_and_gives_the_same(tmp_path: Path) -> None:
    one = whole(tmp_path / "csv", 16, {"tables": {"format": "csv"}})
    other = whole(tmp_path / "parquet", 16)
    for number in (17, 18):
        told = live(one, number)
        assert all("tables.format is csv" in s.facts["as a whole"] for s in told[1:])
        live(other, number)
    assert_equal(tables(one), tables(other))


@pytest.mark.slow
def test_running_a_day_again_changes_no_byte(tmp_path: Path) -> None:
    params = whole(tmp_path, 16)
    live(params, 18)
    before = files(tmp_path)
    told = live(params, 18)
    assert told[0].facts["nothing new"] is True
    assert files(tmp_path) == before


@pytest.mark.slow
def test_from_an_empty_workspace(tmp_path: Path) -> None:
    params = portal(tmp_path / "grown", 99)
    told = live(params, 15)
    assert all("as a whole" in one.facts for one in told[1:])
    live(params, 16)
    assert_equal(tables(params), tables(whole(tmp_path / "whole", 16)))


class Dead(BaseException):
    """The process is gone; nothing it still does has an effect."""


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the process die at a file's renaming; also tells how many there were."""
    state: dict[str, Any] = {"left": None, "count": 0, "dead": False}
    real = {"replace": os.replace, "rmtree": shutil.rmtree, "unlink": Path.unlink}

    def guarded(name: str) -> Any:
        def call(*args: Any, **named: Any) -> Any:
            if state["dead"]:
                raise Dead
            if name == "replace":
                state["count"] += 1
                if state["left"] is not None and state["count"] > state["left"]:
                    state["dead"] = True
                    raise Dead
            return real[name](*args, **named)

        return call

    monkeypatch.setattr(os, "replace", guarded("replace"))
    monkeypatch.setattr(shutil, "rmtree", guarded("rmtree"))
    monkeypatch.setattr(Path, "unlink", guarded("unlink"))
    return state


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["parquet", "csv"])
def test_a_killed_day_is_made_up_for(tmp_path: Path, killer: Any, format_: str) -> None:
    over = {"tables": {"format": format_}}
    params = whole(tmp_path / "data", 16, over)
    shutil.copytree(tmp_path / "data", tmp_path / "kept")
    killer["count"] = 0
    live(params, 17)
    total = killer["count"]
    expected, alike = tables(params), files(tmp_path / "data")
    assert total > 10
    # The benchmark kills at any moment; here every fourth renaming is enough to know of a loss.
    for left in range(1, total, 4):
        shutil.rmtree(tmp_path / "data")
        shutil.copytree(tmp_path / "kept", tmp_path / "data")
        killer.update(left=left, count=0)
        with pytest.raises(Dead):
            live(params, 17)
        killer.update(left=None, dead=False)
        live(params, 17)
        assert_equal(tables(params), expected)
        if format_ == "parquet":
            assert files(tmp_path / "data") == alike, left


@pytest.mark.slow
def test_steps_are_told_apart(tmp_path: Path) -> None:
    params = whole(tmp_path, 16)
    told = live(params, 17)
    assert [one.stage for one in told] == [
        "ingest", "validate_day", "prepare_day", "features_day", "labels_day",
    ]  # fmt: skip
    assert DAY_STEPS[3] is features_day.run
    assert DAY_STEPS[4] is labels_day.run
