from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry

from churn_mlops.api import shadow as module
from churn_mlops.api.metrics import Metrics
from churn_mlops.api.served import Served
from churn_mlops.api.shadow import Shadow
from tests.trained import bundle


def offered(share: float, challenger: Served | None, count: int) -> CollectorRegistry:
    """Offer golden rows with a risk of 0.5 and let the challenger work."""
    registry = CollectorRegistry()

    async def run() -> None:
        shadow = Shadow(share, lambda: challenger, Metrics(registry))
        task = asyncio.create_task(shadow.run())
        for number in range(count):
            shadow.offer(bundle().golden[number % 20][0], 0.5)
        for _ in range(200):
            await asyncio.sleep(0.01)
            if not shadow._waiting and not shadow._news.is_set():
                break
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    return registry


def value(registry: CollectorRegistry, name: str) -> float:
    return registry.get_sample_value(f"churn_api_shadow_{name}") or 0.0


def test_the_challenger_scores_what_it_is_offered() -> None:
    challenger = Served(bundle("baseline"), None, 10)
    registry = offered(1.0, challenger, 20)
    risks = [round(float(risk), 6) for _, risk in bundle("baseline").golden[:20]]
    assert value(registry, "risk_count") == value(registry, "gap_count") == 20
    assert abs(value(registry, "risk_sum") - sum(risks)) < 1e-4
    assert abs(value(registry, "gap_sum") - sum(abs(risk - 0.5) for risk in risks)) < 1e-4


def test_a_challenger_of_other_features_takes_those_it_knows() -> None:
    challenger = Served(bundle("candidate"), None, 10)
    registry = offered(1.0, challenger, 5)
    assert value(registry, "risk_count") == 5


def test_without_a_challenger_or_a_share_nothing_happens() -> None:
    assert value(offered(1.0, None, 20), "risk_count") == 0
    assert value(offered(0.0, Served(bundle(), None, 10), 20), "risk_count") == 0
    assert not Shadow(0.0, lambda: None, Metrics(CollectorRegistry())).on


def test_what_is_too_much_is_dropped_and_counted(monkeypatch: object) -> None:
    registry = CollectorRegistry()
    shadow = Shadow(1.0, lambda: Served(bundle(), None, 10), Metrics(registry))
    served = Served(bundle(), None, 10)
    shadow._challenger = lambda: served

    async def run() -> None:
        for _ in range(module.MOST_WAITING + 7):
            shadow.offer({}, 0.5)

    asyncio.run(run())
    assert value(registry, "dropped_total") == 7
