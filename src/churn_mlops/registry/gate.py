"""The gate: whether a challenger is better than what is there, beyond chance and without harm.

Both models have scored the same rows. Resampling whole users, with the same draws for both, gives
the interval of the difference of their ranking metric (paired cluster bootstrap). The lower end
of a two-sided 95 % interval lies above zero in about 2.5 % of the comparisons of two models of
equal worth; `benchmarks/gate.py` measures what this gate really does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from churn_mlops.errors import PromotionError
from churn_mlops.params import Params
from churn_mlops.registry.encoding import Columns
from churn_mlops.training.bootstrap import Draws, Paired, Ranked, interval
from churn_mlops.training.evaluate import calibration_error
from churn_mlops.training.slices import slices


@dataclass(frozen=True)
class Judged:
    """The rows that both have scored: labels, users, raw features, shape (n,) each."""

    labels: np.ndarray
    users: np.ndarray
    columns: Columns


@dataclass(frozen=True)
class Rule:
    """One rule of the gate and what it found; `passed` is None where it does not apply."""

    rule: str
    passed: bool | None
    text: str


@dataclass(frozen=True)
class Verdict:
    """What the gate found; it lets the challenger through when no rule failed."""

    metric: str
    value: float
    value_against: float
    difference: float
    low: float
    high: float
    rows: int
    users: int
    rules: tuple[Rule, ...]

    @property
    def passed(self) -> bool:
        """No rule failed."""
        return all(rule.passed is not False for rule in self.rules)

    @property
    def failed(self) -> list[str]:
        """What the failed rules found."""
        return [f"{rule.rule}: {rule.text}" for rule in self.rules if rule.passed is False]

    def facts(self) -> dict[str, Any]:
        """The verdict as JSON holds it."""
        return asdict(self) | {"rules": [asdict(rule) for rule in self.rules]}


def weigh(
    rows: Judged, challenger: np.ndarray, other: np.ndarray, params: Params, *, is_model: bool
) -> Verdict:
    """Weigh a challenger's risks against those of the champion, or of a simple rule.

    Parameters
    ----------
    rows : Judged
    challenger, other : array of float, shape (n,)
        Risks of the same rows; of a simple rule, any scores.
    params : Params
        ``promotion``, ``evaluation`` (slices), ``training.seed``.
    is_model : bool
        `other` are risks of a model. A simple rule has no calibration.

    Raises
    ------
    PromotionError
        A score is no number, or the rows hold one class only: nothing can be compared.
    """
    for scores in (challenger, other):
        if not np.all(np.isfinite(scores)):
            raise PromotionError(
                "the models gave scores that are no numbers; nothing is promoted",
                fix="look for impossible values in training_dataset, then train again",
            )
    if len(np.unique(rows.labels)) < 2:
        raise PromotionError(
            f"of the {len(rows.labels)} rows that both models may be judged on, all have the same"
            " label; nothing is promoted",
            fix="wait for more mature days",
        )
    promotion = params.promotion
    draws = Draws(rows.users, promotion.resamples, params.training.seed)
    paired = Paired(rows.labels, challenger, other, draws)
    new, old = paired.observed[promotion.metric]
    low, high = interval(paired.differences[promotion.metric], promotion.confidence)
    rules = [
        _enough(len(rows.labels), draws.count, params),
        Rule(
            f"better in {promotion.metric}",
            bool(low > promotion.margin),
            f"{new:.4f} against {old:.4f}: {new - old:+.4f} ({promotion.confidence:.0%} interval"
            f" {low:+.4f} to {high:+.4f}), must lie above {promotion.margin:g}",
        ),
        _calibration(rows.labels, challenger, other if is_model else None, params),
        _slices(rows, challenger, other, params),
    ]
    return Verdict(
        promotion.metric,
        new,
        old,
        new - old,
        low,
        high,
        len(rows.labels),
        draws.count,
        tuple(rules),
    )


def _enough(rows: int, users: int, params: Params) -> Rule:
    least = params.promotion
    return Rule(
        "enough to judge by",
        rows >= least.min_rows and users >= least.min_users,
        f"{rows:,} rows of {users:,} users; at least {least.min_rows:,} of {least.min_users:,}",
    )


def _calibration(
    labels: np.ndarray, challenger: np.ndarray, champion: np.ndarray | None, params: Params
) -> Rule:
    limit, name = params.promotion.max_ece_increase, "calibration"
    new = calibration_error(labels, challenger)
    if champion is None:
        return Rule(name, None, f"expected calibration error {new:.4f}; nothing to compare with")
    old = calibration_error(labels, champion)
    text = f"expected calibration error {new:.4f} against {old:.4f}; may grow by {limit:g}"
    return Rule(name, bool(new - old <= limit), text)


def _slices(rows: Judged, challenger: np.ndarray, other: np.ndarray, params: Params) -> Rule:
    limit = params.promotion.max_slice_drop
    drops = dict(_drops(rows, challenger, other, params))
    if not drops:
        return Rule("slices", None, "no slice is large enough")
    worst = min(drops, key=lambda name: drops[name])
    text = (
        f"{len(drops)} slices; the least favourable is {worst}: {drops[worst]:+.4f}; may fall by"
        f" {limit:g}"
    )
    return Rule("slices", bool(drops[worst] >= -limit), text)


def _drops(
    rows: Judged, challenger: np.ndarray, other: np.ndarray, params: Params
) -> Iterator[tuple[str, float]]:
    metric = params.promotion.metric
    for by, value, mask in slices(rows.columns, rows.labels, params):
        found = [
            Ranked(
                rows.labels[mask], scores[mask], np.zeros(int(mask.sum()), dtype=np.int64)
            ).metrics(np.ones((1, 1)))[metric][0]
            for scores in (challenger, other)
        ]
        yield f"{by} {value}", float(found[0] - found[1])
