"""What a stage takes at any size, per engine: laws fitted to the measured rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import median

from churn_mlops.planning.figures import Figures, Row, bytes_of
from churn_mlops.planning.fit import (
    Beyond,
    Judged,
    Law,
    fit_beyond,
    fit_capped,
    fit_judged,
    fit_law,
    left_out,
)

# It makes the synthetic log; a run finds its raw log there, of which this tells the size.
SOURCE = "generate-data"
STAGES = (
    SOURCE,
    "validate-data",
    "prepare-data",
    "build-features",
    "build-labels",
    "build-training-set",
    "batch-score",
    "drift-check",
)
# These work on one day, whatever history is kept: they grow with the users.
OF_ONE_DAY = ("batch-score", "drift-check")
ENGINES = ("duckdb", "spark")


@dataclass(frozen=True)
class Gain:
    """What is left of a doubling of cores: 1 halves the time, 0.5 gains nothing.

    Parameters
    ----------
    per_doubling : float
    measured : bool
        From half the cores to those of the figures; else it is assumed.
    """

    per_doubling: float
    measured: bool


@dataclass(frozen=True)
class StageModel:
    """One stage with one engine; n below is user-days, or users where it works on one day.

    Parameters
    ----------
    engine, stage : str
    cores : int
        With so many the seconds were measured.
    of_one_day : bool
        Whether n is users.
    smallest, largest : int
        The measured range of n.
    seconds : Judged
    memory : Law
        Bytes; with Spark of the whole measured cluster.
    memory_error, output_error : float or None
        See `left_out`.
    output : Law or Beyond
        Bytes of the tables that it writes.
    read : Law or Beyond
        Bytes that it reads from tables; with DuckDB also what it reads back of its spill.
    spilled, shuffled : Beyond
        Bytes to local disks; bytes between workers.
    through_driver : Law or Beyond
        Bytes that the stage's own process reads.
    gain : Gain or None
        Nothing where it was not measured.
    """

    engine: str
    stage: str
    cores: int
    of_one_day: bool
    smallest: int
    largest: int
    seconds: Judged
    memory: Law
    memory_error: float | None
    output: Law | Beyond
    output_error: float | None
    read: Law | Beyond
    spilled: Beyond
    shuffled: Beyond
    through_driver: Law | Beyond
    gain: Gain | None

    def rows(self, users: int, user_days: int) -> int:
        """What its laws count."""
        return users if self.of_one_day else user_days

    def seconds_on(self, n: float, cores: float, per_doubling: float) -> float:
        """Seconds with other cores than were measured.

        What does not grow with n stays; what does is divided by twice the gain at each doubling.

        Parameters
        ----------
        n : float
        cores : float
        per_doubling : float
            See `Gain`.
        """
        law, doublings = self.seconds.law, math.log2(cores / self.cores)
        return law.fixed + law.growing(n) / math.pow(2 * per_doubling, doublings)


Model = Mapping[str, StageModel]


@lru_cache(maxsize=16)
def fitted(figures: Figures, engine: str) -> Model:
    """The stages of an engine that were measured at two sizes or more.

    Parameters
    ----------
    figures : Figures
    engine : str
        ``duckdb`` or ``spark``.
    """
    cores = reference_cores(figures, engine)
    models = {}
    for stage in STAGES:
        rows = figures.of(engine, cores, stage)
        if len({_n(row) for row in rows}) >= 2:
            models[stage] = _stage(rows, figures)
    return models


def without_source(model: Model) -> Model:
    """The stages that a full run has to do."""
    return {name: stage for name, stage in model.items() if name != SOURCE}


def reference_cores(figures: Figures, engine: str) -> int:
    """The cores with which most rows of an engine were measured; 0 if it was not."""
    counted = Counter(row.cores for row in figures.of(engine))
    return max(counted, key=lambda cores: (counted[cores], cores)) if counted else 0


def _n(row: Row) -> int:
    return row.users if row.stage in OF_ONE_DAY else row.user_days


def _stage(rows: Sequence[Row], figures: Figures) -> StageModel:
    first, sizes = rows[0], [_n(row) for row in rows]
    spark = first.engine == "spark"
    seconds = fit_judged(sizes, [row.seconds for row in rows])
    memory = [row.peak_memory_bytes for row in rows]
    output = [row.output_bytes for row in rows]
    spilled = [row.disk_spilled_bytes if spark else row.scratch_peak_bytes for row in rows]
    return StageModel(
        engine=first.engine,
        stage=first.stage,
        cores=first.cores,
        of_one_day=first.stage in OF_ONE_DAY,
        smallest=min(sizes),
        largest=max(sizes),
        seconds=seconds,
        memory=_memory(rows, sizes, memory),
        memory_error=left_out(sizes, memory, fit_capped),
        output=_bytes(sizes, output),
        output_error=left_out(sizes, output, _bytes),
        read=_bytes(sizes, [row.input_bytes if spark else row.bytes_read for row in rows]),
        spilled=fit_beyond(sizes, spilled),
        shuffled=fit_beyond(sizes, [row.shuffle_read_bytes for row in rows]),
        through_driver=_bytes(sizes, [row.driver_bytes_read for row in rows]),
        gain=_gain(rows, seconds.law, figures),
    )


def _memory(rows: Sequence[Row], sizes: Sequence[int], memory: Sequence[int]) -> Law:
    """DuckDB keeps its limit; what a stage of one day holds besides may grow with the users."""
    law, first = fit_capped(sizes, memory), rows[0]
    limit = law.fixed + bytes_of(first.memory_limit) if first.memory_limit else math.inf
    if first.engine == "spark" or first.stage in OF_ONE_DAY or max(memory) > limit:
        return law
    return replace(law, ceiling=min(law.ceiling, limit))


def _bytes(sizes: Sequence[float], values: Sequence[float]) -> Law | Beyond:
    """Bytes grow in step with rows; some stages have none at some sizes."""
    return fit_law(sizes, values) if min(values) > 0 else fit_beyond(sizes, values)


def doublings(rows: Sequence[Row], law: Law, figures: Figures) -> list[tuple[Row, Row]]:
    """What was measured with half the cores, too: that row and the one with all, by size.

    Only what grows with n can gain, so sizes whose fixed part is half of it or more do not count.

    Parameters
    ----------
    rows : sequence of Row
        Of one stage, with all cores.
    law : Law
        Of their seconds.
    figures : Figures
    """
    first = rows[0]
    halves = {row.size: row for row in figures.of(first.engine, first.cores // 2, first.stage)}
    telling = (row for row in rows if row.seconds > 2 * law.fixed)
    return [(halves[row.size], row) for row in telling if row.size in halves]


def _gain(rows: Sequence[Row], law: Law, figures: Figures) -> Gain | None:
    """The largest sizes tell."""
    found = []
    for slow, fast in doublings(rows, law, figures)[-2:]:
        ratio = (slow.seconds - law.fixed) / (fast.seconds - law.fixed)
        found.append(min(max(ratio / 2, 0.5), 1.0))
    return Gain(median(found), True) if found else None
