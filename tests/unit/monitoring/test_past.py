"""What a promise may know: nothing whose horizon had not passed on its day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from churn_mlops.inference.kept import Batch, Kept
from churn_mlops.monitoring.past import MOST_BATCHES, Memory, reference_evidence
from churn_mlops.monitoring.realised import Outcome
from churn_mlops.registry.profile import Profile, pack_profile, read_profile
from tests.trained import bundle

MODEL = bundle()
WINDOW = MODEL.meta.label.window_days
TESTED = MODEL.meta.window.test_last_day


def batch(day: date, version: str = MODEL.version) -> Batch:
    risks = np.linspace(0.01, 0.9, 40)
    return Batch(day, version, pa.array(range(40)), risks, np.full(40, "none"), {})


class Shelf:
    """Kept batches that are never read from a file; it notes whose outcome was asked for."""

    def __init__(self, days: list[date], version: str = MODEL.version) -> None:
        self.asked: list[date] = []
        shelf = self

        class Given(Kept):
            def read(self) -> Batch:
                return batch(self.day, self.version)

        self.kept = [Given(day, version, None) for day in days]  # type: ignore[arg-type]
        self.memory = Memory(MODEL, self.kept, shelf.outcome)

    def outcome(self, one: Kept) -> Outcome:
        self.asked.append(one.day)
        labels = (np.arange(40) > 30).astype(int)
        return Outcome(one.read().risks, labels, np.zeros(40, bool), 0)


def after(n: int) -> date:
    return TESTED + timedelta(days=n)


def test_only_batches_whose_horizon_has_passed_a_horizon_apart() -> None:
    shelf = Shelf([after(n) for n in range(1, 60)])
    past = shelf.memory.on(batch(after(45)))
    assert past.batches == tuple(after(45 - n * WINDOW) for n in range(6, 0, -1))
    assert max(shelf.asked) == after(45 - WINDOW)
    days = [one.day for one in past.evidence]
    assert days == sorted(days)
    assert days[-1] == after(45 - WINDOW).toordinal()


def test_no_more_than_so_many_batches_and_each_is_read_once() -> None:
    shelf = Shelf([after(n) for n in range(1, 200)])
    first = shelf.memory.on(batch(after(190)))
    assert len(first.batches) == MOST_BATCHES
    shelf.memory.on(batch(after(190)))
    assert len(shelf.asked) == MOST_BATCHES


def test_other_models_and_days_before_the_model_are_left_out() -> None:
    assert (
        Shelf([after(n) for n in range(1, 30)], "other").memory.on(batch(after(30))).batches == ()
    )
    early = Shelf([after(n) for n in range(-30, 1)])
    assert early.memory.on(batch(after(30))).batches == ()


def test_a_batch_without_labels_is_passed_over() -> None:
    shelf = Shelf([after(n) for n in range(1, 30)])
    nobody = Outcome(np.zeros(0), np.zeros(0, int), np.zeros(0, bool), 40)
    memory = Memory(MODEL, shelf.kept, lambda one: nobody if one.day > after(5) else None)
    assert memory.on(batch(after(30))).batches == ()


def test_batches_that_bad_days_have_spoiled_say_nothing() -> None:
    shelf = Shelf([after(n) for n in range(1, 30)])
    without = {after(n) for n in range(15, 30)}
    memory = Memory(MODEL, shelf.kept, shelf.outcome, without)
    past = memory.on(batch(after(30)))
    assert past.batches == (after(14 - WINDOW), after(14))
    assert not without & set(shelf.asked)


def test_reference_days_count_from_when_their_labels_were_there() -> None:
    profile = read_profile(MODEL.profile)
    days = np.unique(profile.days).astype(object)
    memory = Shelf([]).memory
    assert memory.on(batch(after(WINDOW))).reference_days == len(days)
    assert memory.on(batch(after(WINDOW - 1))).reference_days == len(days) - 1
    nothing = memory.on(batch(days[0]))
    assert (nothing.reference_days, nothing.evidence) == (0, ())
    assert np.isfinite(nothing.centre)


def made(days: int, rows: int = 30) -> Profile:
    rng = np.random.default_rng(0)
    n = days * rows
    when = np.repeat(np.datetime64("2025-01-01") + np.arange(days), rows)
    risks = rng.random(n)
    return Profile({}, when, np.arange(n) % rows, risks, (rng.random(n) < risks).astype(np.int8))


@pytest.mark.parametrize(("days", "pieces"), [(1, 1), (7, 1), (8, 2), (28, 4)])
def test_reference_days_within_a_horizon_are_one_piece(days: int, pieces: int) -> None:
    found = reference_evidence(made(days), 7, 0.0)
    assert len(found) == pieces
    assert [one.day for one in found] == sorted(one.day for one in found)
    assert found[-1].day <= date(2025, 1, days).toordinal()
    assert found[0].day >= date(2025, 1, 1).toordinal()


def test_a_bundle_without_reference_days_still_promises() -> None:
    empty = replace(MODEL, profile=pack_profile(made(1).where(np.zeros(30, bool)), 0))
    assert Memory(empty, [], lambda one: None).on(batch(after(20))).evidence == ()
