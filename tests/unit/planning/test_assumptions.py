"""What is taken for granted is told to the reader."""

from __future__ import annotations

from churn_mlops.planning.assumptions import Assumptions, Node, Prices
from churn_mlops.planning.page_plans import plans
from tests.unit.planning import portal


def test_every_assumption_behind_the_plans_of_the_page_stands_there() -> None:
    told = plans(portal.figures())[0]
    node, prices = Node(), Prices()
    for value in (*vars(prices).values(), node.cores, node.memory_gb, node.disk_gb):
        assert f"{value:g}" in told
    assert f"{2 * Assumptions().gain:g} times the speed" in told
