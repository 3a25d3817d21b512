"""The challenger scores a sample of the traffic, behind the answers and for the metrics only."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from churn_mlops.api.metrics import Metrics
from churn_mlops.api.served import Served
from churn_mlops.errors import ChurnError

# Rows that may wait for the challenger; more are dropped and counted.
MOST_WAITING = 1_000

log = structlog.get_logger()


class Shadow:
    """Takes offers from requests and has them scored in the background.

    Parameters
    ----------
    share : float
        Of the requests; 0 switches it off.
    challenger : callable
        The challenger of this moment, or None.
    metrics : Metrics
    """

    def __init__(
        self, share: float, challenger: Callable[[], Served | None], metrics: Metrics
    ) -> None:
        self.on = share > 0
        self._share, self._challenger, self._metrics = share, challenger, metrics
        self._random = random.Random()
        self._waiting: list[tuple[Mapping[str, Any], float]] = []
        self._news = asyncio.Event()

    def offer(self, features: Mapping[str, Any], risk: float) -> None:
        """Maybe have a row scored that the champion gave this risk; costs next to nothing."""
        if self._random.random() >= self._share or self._challenger() is None:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._metrics.shadow_drops.inc()
            return
        self._waiting.append((features, risk))
        self._news.set()

    async def run(self) -> None:
        """Score what waits, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            waiting, self._waiting = self._waiting, []
            challenger = self._challenger()
            if challenger is None:
                continue
            try:
                rows = [_known(features, challenger) for features, _ in waiting]
                scored = await asyncio.to_thread(challenger.score, rows)
            except ChurnError as error:
                log.warning("the challenger cannot score", reason=error.message)
                self._metrics.shadow_drops.inc(len(waiting))
                continue
            for risk, (_, champion) in zip(scored.risks, waiting, strict=True):
                self._metrics.shadow_risk.observe(risk)
                self._metrics.shadow_gap.observe(abs(risk - champion))


def _known(features: Mapping[str, Any], challenger: Served) -> dict[str, Any]:
    """The features that the challenger knows, too; others are missing to it."""
    return {name: features[name] for name in challenger.names if name in features}
