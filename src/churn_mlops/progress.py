"""Tells how far long work is: a Rich bar on a terminal, plain log lines otherwise."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

Step = Callable[[str], None]
QUIET_SECONDS = 5.0


@contextlib.contextmanager
def steps(work: str, total: int) -> Iterator[Step]:
    """Show progress over `total` steps on standard error.

    Yields a function to be called after each step with a word about it. Without a terminal a
    line is logged at most every few seconds, and one at the end, so that logs stay short.
    """
    with _bar(work, total) if sys.stderr.isatty() else _lines(work, total) as step:
        yield step


@contextlib.contextmanager
def _bar(work: str, total: int) -> Iterator[Step]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        task = progress.add_task(work, total=total)

        def step(about: str) -> None:
            progress.update(task, advance=1, description=f"{work}: {about}")

        yield step


@contextlib.contextmanager
def _lines(work: str, total: int) -> Iterator[Step]:
    import structlog

    log = structlog.get_logger()
    started = said = time.monotonic()
    done = 0

    def step(about: str) -> None:
        nonlocal done, said
        done += 1
        now = time.monotonic()
        if now - said >= QUIET_SECONDS or (done == total and now - started >= QUIET_SECONDS):
            said = now
            log.info(work, step=f"{done}/{total}", about=about, seconds=round(now - started, 1))

    yield step
