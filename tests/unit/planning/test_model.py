"""A model per engine and stage, from the measured rows."""

from __future__ import annotations

import pytest

from churn_mlops.planning.model import OF_ONE_DAY, STAGES, fitted, reference_cores
from tests.unit.planning import portal
from tests.unit.planning.portal import DAYS, SIZES


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_every_law_is_found_again(engine: str) -> None:
    model = fitted(portal.figures(), engine)
    assert list(model) == list(STAGES if engine == "duckdb" else STAGES[1:])
    for stage in model.values():
        n = stage.rows(10_000_000, 1_200_000_000)
        real = portal.row(engine, stage.stage, 1_200_000_000)
        if stage.of_one_day:
            # At no measured size were there so many users that a day of them was spilled.
            assert stage.spilled.at(n) == 0
            continue
        assert stage.seconds.law.at(n) == pytest.approx(real.seconds, rel=1e-3)
        memory = stage.memory.fixed + stage.memory.growing(n)
        assert memory == pytest.approx(real.peak_memory_bytes, rel=1e-3)
        assert stage.output.at(n) == pytest.approx(real.output_bytes, rel=1e-3)
        spilled = real.disk_spilled_bytes + real.scratch_peak_bytes
        assert stage.spilled.at(n) == pytest.approx(spilled, rel=1e-3)
        assert stage.shuffled.at(n) == pytest.approx(real.shuffle_read_bytes, rel=1e-3)
        read = real.input_bytes or real.bytes_read
        assert stage.read.at(n) == pytest.approx(read, rel=1e-3)
        assert stage.through_driver.at(n) == pytest.approx(real.driver_bytes_read, rel=1e-3)
        for error in (stage.seconds.error, stage.memory_error, stage.output_error):
            assert error == pytest.approx(0, abs=1e-3)


def test_duckdb_keeps_its_limit_where_it_holds_the_rows() -> None:
    model = fitted(portal.figures(), "duckdb")
    # 300 MB without any rows, and the limit of 4 GB.
    assert model["build-features"].memory.at(1e12) == pytest.approx(4.3e9, rel=1e-3)
    assert model["batch-score"].memory.at(1e12) == pytest.approx(6e13, rel=1e-3)
    above = portal.row("duckdb", "build-labels", 120_000_000, peak_memory_bytes=7_500_000_000)
    model = fitted(portal.figures(above), "duckdb")
    assert model["build-labels"].memory.at(1e12) == pytest.approx(6e13, rel=1e-3)


def test_stages_of_one_day_count_users() -> None:
    for stage in fitted(portal.figures(), "duckdb").values():
        by_day = stage.stage in OF_ONE_DAY
        assert stage.of_one_day == by_day
        assert stage.largest == SIZES[-1] // (DAYS if by_day else 1)
        assert stage.rows(7, 700) == (7 if by_day else 700)


def test_one_size_makes_no_model() -> None:
    rows = tuple(portal.row("spark", stage, 10_000) for stage in STAGES)
    assert fitted(portal.figures().__class__((), (), "", "", rows), "spark") == {}
    assert reference_cores(portal.figures().__class__((), (), "", "", ()), "spark") == 0


def test_the_gain_of_a_second_worker_is_measured_where_it_shows() -> None:
    slow = 20 + 9 * 60 * 1.6
    alone = portal.row("spark", "prepare-data", SIZES[-1], cores=1, seconds=slow)
    small = portal.row("spark", "build-labels", SIZES[0], cores=1)
    model = fitted(portal.figures(alone, small), "spark")
    gain = model["prepare-data"].gain
    assert gain is not None
    assert gain.measured
    assert gain.per_doubling == pytest.approx(0.8, rel=1e-3)
    # Ten thousand user-days are all start: nothing can be told of what grows.
    assert model["build-labels"].gain is None


@pytest.mark.parametrize("seconds", [10.0, 1e6])
def test_a_gain_is_between_nothing_and_all(seconds: float) -> None:
    alone = portal.row("spark", "prepare-data", SIZES[-1], cores=1, seconds=seconds)
    gain = fitted(portal.figures(alone), "spark")["prepare-data"].gain
    assert gain is not None
    assert gain.per_doubling in (0.5, 1.0)


def test_cores_speed_up_what_grows() -> None:
    stage = fitted(portal.figures(), "spark")["prepare-data"]
    fixed, per_million = portal.SPARK
    at = 100_000_000
    assert stage.seconds_on(at, 2, 0.9) == pytest.approx(fixed + per_million * 100, rel=1e-3)
    assert stage.seconds_on(at, 16, 1.0) == pytest.approx(fixed + per_million * 100 / 8, rel=1e-3)
    assert stage.seconds_on(at, 16, 0.5) == pytest.approx(fixed + per_million * 100, rel=1e-3)
