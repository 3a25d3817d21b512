"""Which engine for so many users: the cheaper one of those that keep the hours."""

from __future__ import annotations

from churn_mlops.errors import NotEnoughDataError
from churn_mlops.planning.assumptions import Assumptions, Node, Prices
from churn_mlops.planning.figures import Figures
from churn_mlops.planning.model import ENGINES
from churn_mlops.planning.plan import make_plan
from churn_mlops.planning.planned import Ask, Plan


def both_engines(
    users: int,
    days: int,
    hours: float,
    figures: Figures,
    node: Node | None = None,
    prices: Prices | None = None,
    assumptions: Assumptions | None = None,
) -> list[Plan]:
    """A plan for each engine that was measured, the one to take first.

    Parameters
    ----------
    users, days : int
    hours : float
    figures : Figures
    node : Node, optional
    prices : Prices, optional
    assumptions : Assumptions, optional

    Raises
    ------
    ParamsError
        What is asked for is impossible.
    NotEnoughDataError
        No engine was measured.
    """
    found, missing = [], []
    for engine in ENGINES:
        ask = Ask(users, days, hours, engine)
        try:
            found.append(make_plan(ask, figures, node, prices, assumptions))
        except NotEnoughDataError as error:
            missing.append(error)
    if not found:
        raise missing[0]
    return sorted(found, key=rank)


def rank(plan: Plan) -> tuple[bool, float]:
    """Lower is better: in time and cheap; if not in time, fast."""
    return (not plan.in_time, plan.run_cost["total"] if plan.in_time else plan.hours)


def most_users(
    days: int, hours: float, figures: Figures, engine: str, node: Node | None = None
) -> int:
    """How many users an engine carries within the hours, to one per cent.

    Parameters
    ----------
    days : int
    hours : float
    figures : Figures
    engine : str
    node : Node, optional

    Returns
    -------
    int
        0 if not even one user; else at most ten billion.
    """

    def carried(users: int) -> bool:
        return make_plan(Ask(users, days, hours, engine), figures, node).in_time

    if not carried(1):
        return 0
    few, many = 1, 10_000_000_000
    if carried(many):
        return many
    while many > 1.01 * few + 1:
        middle = round((few * many) ** 0.5)
        few, many = (middle, many) if carried(middle) else (few, middle)
    return few
