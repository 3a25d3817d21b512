"""Publishes how a piece of work went, whatever way it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from churn_mlops.errors import ChurnError

if TYPE_CHECKING:
    from churn_mlops.params import Params


@dataclass
class Outcome:
    """What a piece of work tells about itself: its rows, and its code when that is a verdict."""

    rows: dict[str, int] = field(default_factory=dict)
    exit_code: int = 0


@contextmanager
def published(stage: str, params: Params) -> Iterator[Outcome]:
    """Publish how what is inside went, if `monitoring.publish` says where to.

    What ends without an exception has done its work, whatever its exit code (a drift check that
    finds drift).
    """
    settings = params.monitoring.publish
    outcome, started = Outcome(), time.perf_counter()

    def tell(exit_code: int, worked: bool) -> None:
        if settings.pushgateway is None and settings.textfile is None:
            return
        # Here, as the client of Prometheus is not needed by who does not publish.
        from churn_mlops.monitoring.publish import publish_stage
        from churn_mlops.monitoring.stage_metrics import StageRun

        seconds = time.perf_counter() - started
        run = StageRun(stage, time.time(), seconds, exit_code, worked, outcome.rows)
        publish_stage(params, run)

    try:
        yield outcome
    except Exception as error:
        tell(error.exit_code if isinstance(error, ChurnError) else 1, worked=False)
        raise
    tell(outcome.exit_code, worked=True)
