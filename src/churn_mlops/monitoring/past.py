"""What was known on a day about the model's risks: reference days and batches whose time had come.

Nothing later than that day goes in: of reference days and batches only those whose horizon had
passed by then. Days that share a horizon share users and labels and say nearly the same, so
reference days within a horizon are one piece of evidence, and of the batches only some are taken,
a horizon apart, the newest first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from churn_mlops.inference.kept import Batch, Kept
from churn_mlops.monitoring.realised import Outcome
from churn_mlops.monitoring.recalibration import Evidence, centre_of, recalibrate
from churn_mlops.registry.bundle import Bundle
from churn_mlops.registry.profile import Profile, read_profile

MOST_BATCHES = 8


@dataclass(frozen=True)
class Past:
    """All that a day's promise may build on.

    Parameters
    ----------
    evidence : tuple of Evidence
        In the order of their days.
    centre : float
        The log-odds about which tilts turn.
    reference_days : int
    batches : tuple of date
        Days of the batches among the evidence.
    """

    evidence: tuple[Evidence, ...]
    centre: float
    reference_days: int
    batches: tuple[date, ...]


class Memory:
    """Collects the evidence about one model; a batch is read and fitted once.

    Parameters
    ----------
    bundle : Bundle
        The model.
    kept : sequence of Kept
        All kept batches.
    outcome : callable
        Gives a batch's outcome, if its labels are there.
    spoiled : collection of date
        Days whose batches say nothing: their features or labels may be wrong.
    """

    def __init__(
        self,
        bundle: Bundle,
        kept: Sequence[Kept],
        outcome: Callable[[Kept], Outcome | None],
        spoiled: Collection[date] = (),
    ) -> None:
        self._profile = read_profile(bundle.profile)
        self._horizon = bundle.meta.label.window_days
        # Until the last test day, rows were the model's own training or are reference days.
        last = bundle.meta.window.test_last_day
        self._kept = [
            k for k in kept if k.version == bundle.version and k.day > last and k.day not in spoiled
        ]
        self._outcome = outcome
        self._fitted: dict[tuple[date, float], Evidence | None] = {}

    def on(self, batch: Batch) -> Past:
        """What was known on the batch's day."""
        horizon = timedelta(days=self._horizon)
        known = self._profile.days + self._horizon <= np.datetime64(batch.day)
        reference = self._profile.where(known)
        centre = centre_of(reference.risks if len(reference) else batch.risks)
        evidence = reference_evidence(reference, self._horizon, centre)
        days: list[date] = []
        found: list[Evidence] = []
        before = batch.day - horizon
        for kept in reversed(self._kept):
            if kept.day > before:
                continue
            if len(days) == MOST_BATCHES:
                break
            fitted = self._fit(kept, centre)
            if fitted is not None:
                days.insert(0, kept.day)
                found.insert(0, fitted)
                before = kept.day - horizon
        count = len(np.unique(reference.days))
        return Past((*evidence, *found), centre, count, tuple(days))

    def _fit(self, kept: Kept, centre: float) -> Evidence | None:
        key = (kept.day, centre)
        if key not in self._fitted:
            outcome = self._outcome(kept)
            self._fitted[key] = (
                recalibrate(
                    kept.day.toordinal(),
                    outcome.risks,
                    outcome.labels,
                    np.arange(len(outcome)),
                    centre,
                )
                if outcome is not None and len(outcome)
                else None
            )
        return self._fitted[key]


def reference_evidence(reference: Profile, horizon: int, centre: float) -> list[Evidence]:
    """Evidence of reference days, one piece per horizon, the oldest first."""
    if not len(reference):
        return []
    days = reference.days.astype("datetime64[D]").astype(np.int64)
    ordinals = days + date(1970, 1, 1).toordinal()
    piece = (ordinals.max() - ordinals) // horizon
    pieces = []
    for number in sorted(set(piece.tolist()), reverse=True):
        here = piece == number
        pieces.append(
            recalibrate(
                float(ordinals[here].mean()),
                reference.risks[here],
                reference.labels[here],
                reference.users[here],
                centre,
            )
        )
    return pieces
