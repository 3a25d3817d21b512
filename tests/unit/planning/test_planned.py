"""What a plan says, and how sure it is."""

from __future__ import annotations

import json

import pytest

from churn_mlops.planning.plan import make_plan
from churn_mlops.planning.planned import Ask, basis
from tests.unit.planning import portal


@pytest.mark.parametrize(
    ("times", "cores", "said"),
    [
        (0.3, 2, "measured range"),
        (1.0, 1, "measured range"),
        (2.5, 2, "extrapolated: 2.5 times the size"),
        (1.0, 64, "extrapolated: 32 times the cores"),
        (99.5, 8, "extrapolated: 99.5 times the size, 4 times the cores"),
        (1_234.5, 2, "guessed: 1,234.5 times the size"),
    ],
)
def test_how_sure(times: float, cores: int, said: str) -> None:
    assert basis(times, cores, 2) == said


def test_a_plan_is_json_with_its_sums() -> None:
    made = make_plan(Ask(1_000_000, 365, 2.0, "spark"), portal.figures())
    body = json.loads(json.dumps(made.body()))
    assert body["user_days"] == 365_000_000
    assert body["hours"] == pytest.approx(sum(stage["hours"] for stage in body["stages"]))
    assert body["core_hours"] == pytest.approx(body["hours"] * body["cores"])
    assert body["shuffled_bytes"] == pytest.approx(made.total("shuffled_bytes"))
    assert body["bottlenecks"][0]["name"]
