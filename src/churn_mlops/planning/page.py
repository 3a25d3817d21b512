"""The generated parts of docs/scaling.md and its charts: nothing there is typed by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from churn_mlops.planning.chart import Series, drawing
from churn_mlops.planning.figures import Figures, Row
from churn_mlops.planning.model import (
    ENGINES,
    STAGES,
    Model,
    doublings,
    fitted,
    reference_cores,
    without_source,
)
from churn_mlops.planning.page_plans import crossing, plans
from churn_mlops.planning.text import ENGINE_NAMES, count, size, three

# A chart's lines go on so far beyond the largest measured size.
BEYOND = 10
_MARKED = re.compile(r"(<!-- begin (\S+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)


def filled(page: str, figures: Figures) -> str:
    """The page with every part between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` made anew.

    Parameters
    ----------
    page : str
    figures : Figures

    Raises
    ------
    ValueError
        A part is missing, or one is named that nobody makes.
    """
    named = sorted(match[2] for match in _MARKED.finditer(page))
    if named != sorted(PARTS):
        raise ValueError(f"the page has the parts {named}, not {sorted(PARTS)}")
    made = {name: "\n".join(part(figures)) for name, part in PARTS.items()}
    return _MARKED.sub(lambda match: f"{match[1]}{made[match[2]]}\n{match[3]}", page)


def _where(figures: Figures) -> list[str]:
    days = sorted({figures.first_day, figures.last_day})
    engines = [engine for engine in ENGINES if figures.of(engine)]
    lines = [f"Measured on {' to '.join(days)}: {'; '.join(figures.machines)}.", ""]
    for engine in engines:
        cores = reference_cores(figures, engine)
        row = figures.of(engine, cores)[-1]
        limits = f"limited to {row.memory_limit}"
        if engine == "spark":
            limits = (
                f"each with a core and {row.executor_memory} of heap, driver {row.driver_memory}"
            )
        kind = "workers" if engine == "spark" else "threads"
        sizes = sorted({row.user_days for row in figures.of(engine, cores)})
        runs = {row.runs for row in figures.of(engine, cores)}
        lines.append(
            f"- {ENGINE_NAMES[engine]}, {cores} {kind}, {limits}: {len(sizes)} sizes from"
            f" {count(sizes[0])} to {count(sizes[-1])} user-days, {_runs(runs)}."
        )
    return lines


def _runs(values: set[int]) -> str:
    least, most = min(values), max(values)
    if most == 1:
        return "one run each"
    return f"{most if least == most else f'{least} to {most}'} runs each"


def _measured(figures: Figures) -> list[str]:
    lines: list[str] = []
    for engine in ENGINES:
        rows = [row for row in figures.rows if row.engine == engine]
        rows = [row for row in rows if row.cores == reference_cores(figures, engine)]
        if rows:
            lines += [*_table(engine, rows), ""]
    return lines[:-1]


def _table(engine: str, rows: Sequence[Row]) -> list[str]:
    sizes = sorted({row.size for row in rows})
    names = {row.size: row.user_days for row in rows}
    found = {(row.stage, row.size): row for row in rows}
    stages = [stage for stage in STAGES if any(row.stage == stage for row in rows)]
    heads = "".join(f" {count(names[n])} |" for n in sizes)
    lines = [f"| {ENGINE_NAMES[engine]}, user-days |{heads}", "|---|" + "---|" * len(sizes)]
    for stage in stages:
        cells = "".join(f" {_cell(found.get((stage, n)))} |" for n in sizes)
        lines.append(f"| {stage} |{cells}")
    return lines


def _cell(row: Row | None) -> str:
    if row is None:
        return "not run"
    if row.failed:
        return "**failed**"
    spilled = row.disk_spilled_bytes if row.engine == "spark" else row.scratch_peak_bytes
    shuffled = f", shuffled {size(row.shuffle_read_bytes)}" if row.shuffle_read_bytes else ""
    on_disk = f", spilled {size(spilled)}" if spilled else ""
    return f"{three(row.seconds)} s, {size(row.peak_memory_bytes)}{on_disk}{shuffled}"


def _laws(figures: Figures) -> list[str]:
    lines = [
        "| engine, stage | grows with | seconds: fixed + per million | form | off at the largest |"
        " memory: fixed + per million, ceiling | off | bytes written per row | off |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for engine in ENGINES:
        for stage in fitted(figures, engine).values():
            seconds, memory = stage.seconds.law, stage.memory
            ceiling = f", {size(memory.ceiling)}" if memory.ceiling < float("inf") else ""
            per_row = (stage.output.at(stage.largest) / stage.largest) if stage.largest else 0
            lines.append(
                f"| {ENGINE_NAMES[engine]}, {stage.stage} |"
                f" {'users' if stage.of_one_day else 'user-days'} |"
                f" {three(seconds.fixed)} + {three(seconds.slope * 1e6)} | {seconds.form} |"
                f" {_off(stage.seconds.error)} |"
                f" {size(memory.fixed)} + {size(memory.slope * 1e6)}{ceiling} |"
                f" {_off(stage.memory_error)} | {three(per_row)} | {_off(stage.output_error)} |"
            )
    return lines


def _off(error: float | None) -> str:
    return "too few sizes" if error is None else f"{round(100 * error):+d} %"


def _gains(figures: Figures) -> list[str]:
    lines = []
    for engine in ENGINES:
        for stage in fitted(figures, engine).values():
            if stage.gain is None:
                continue
            rows = figures.of(engine, stage.cores, stage.stage)
            slow, fast = doublings(rows, stage.seconds.law, figures)[-1]
            lines.append(
                f"| {ENGINE_NAMES[engine]}, {stage.stage} | {count(slow.user_days)} |"
                f" {three(slow.seconds)} s with {slow.cores}, {three(fast.seconds)} s with"
                f" {fast.cores} | {three(2 * stage.gain.per_doubling)} |"
            )
    if not lines:
        return ["Only one number of cores was measured."]
    return ["| engine, stage | user-days | cores | a doubling divides what grows by |",
            "|---|---|---|---|", *lines]  # fmt: skip


PARTS: dict[str, Callable[[Figures], list[str]]] = {
    "where": _where,
    "measured": _measured,
    "laws": _laws,
    "gains": _gains,
    "crossing": crossing,
    "plans": plans,
}


def drawings(figures: Figures) -> dict[str, str]:
    """Charts by file name: the stages of each engine, and all stages together of both.

    Parameters
    ----------
    figures : Figures
    """
    found = {}
    totals = []
    for engine in ENGINES:
        model = without_source(fitted(figures, engine))
        if not model:
            continue
        rows = figures.of(engine, reference_cores(figures, engine))
        name = ENGINE_NAMES[engine]
        series = [_stage_series(stage, rows, model) for stage in model]
        title = f"{name}: seconds of each stage"
        found[f"scaling-{engine}.svg"] = drawing(title, "user-days", "seconds", series)
        totals.append(_total_series(name, rows, model))
    found["scaling-engines.svg"] = drawing(
        "All stages after the raw log", "user-days", "seconds", totals
    )
    return found


def _users(user_days: float, rows: Sequence[Row]) -> float:
    """Users of a size between the measured ones: the portal's days stay the same."""
    last = rows[-1]
    return user_days * last.users / last.user_days


def _stage_series(name: str, rows: Sequence[Row], model: Model) -> Series:
    stage, mine = model[name], [row for row in rows if row.stage == name]
    law = stage.seconds.law
    points = [(n, law.at(_users(n, rows) if stage.of_one_day else n)) for n in _places(mine)]
    return Series(name, [(row.user_days, row.seconds) for row in mine], points)


def _total_series(name: str, rows: Sequence[Row], model: Model) -> Series:
    sums: dict[int, list[float]] = {}
    for row in rows:
        if row.stage in model:
            sums.setdefault(row.user_days, []).append(row.seconds)
    dots = [(n, sum(parts)) for n, parts in sorted(sums.items()) if len(parts) == len(model)]
    points = []
    for n in _places(rows):
        users = _users(n, rows)
        of_stages = (s.seconds.law.at(users if s.of_one_day else n) for s in model.values())
        points.append((n, sum(of_stages)))
    return Series(name, dots, points)


def _places(rows: Sequence[Row]) -> list[float]:
    """Measured sizes and some between and beyond them."""
    first, last = rows[0].user_days, rows[-1].user_days
    steps = 40
    between = [first * (last / first) ** (step / steps) for step in range(steps)]
    return [*between, float(last), *(last * BEYOND ** (step / 10) for step in range(1, 11))]
