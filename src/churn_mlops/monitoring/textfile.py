"""Metrics as files for node_exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from churn_mlops.errors import PublishError
from churn_mlops.monitoring.gauges import Board

_FIX = "correct monitoring.publish.textfile: the folder that node_exporter reads (null: none)"


def write(folder: Path, name: str, board: Board) -> Path:
    """Write a board beside its place and put it there; the collector never sees half a file.

    Raises
    ------
    PublishError
        The folder is not there (it is not made: nobody would read it) or cannot be written.
    """
    from prometheus_client import write_to_textfile

    path = folder / name
    if not folder.is_dir():
        raise PublishError(f"there is no folder {folder} to publish metrics in", fix=_FIX)
    try:
        write_to_textfile(str(path), board.registry)
    except OSError as error:
        raise PublishError(
            f"{path} cannot be written: {error.strerror or error}", fix=_FIX
        ) from error
    return path


def carry_over(path: Path, board: Board, names: tuple[str, ...]) -> None:
    """Put the metrics of these names that a file holds on a board that lacks them.

    A file that cannot be understood is one of the board's `problems`.
    """
    from prometheus_client.parser import text_string_to_metric_families

    parse: Callable[[str], Any] = text_string_to_metric_families
    try:
        samples = [
            sample
            for family in parse(path.read_text(encoding="utf-8"))
            for sample in family.samples
            if sample.name in names
        ]
        for sample in samples:
            board.set(sample.name, sample.value, **sample.labels)
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError) as error:
        board.problems.append(f"{path} does not tell of the last success: {error}")
