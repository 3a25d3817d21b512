"""Which model the page is about: the champion, if it was evaluated."""

from __future__ import annotations

from dataclasses import dataclass

from churn_mlops.report.inputs import Inputs
from churn_mlops.report.shapes import Evaluation


@dataclass(frozen=True)
class Subject:
    """The model that the figures are about, and all models with it in front.

    `is_champion` tells whether these are the figures of the bundle in production.
    """

    model: Evaluation
    models: tuple[Evaluation, ...]
    is_champion: bool


def subject(inputs: Inputs) -> Subject:
    """Choose: the champion's version, else the last challenger, else the best PR-AUC."""
    ranked = sorted(inputs.evaluations, key=lambda e: -(e.metrics.get("pr_auc") or 0.0))
    version = champion_version(inputs)
    model = next((e for e in ranked if e.model_version == version), None)
    is_champion = model is not None
    if model is None and inputs.promotion and inputs.promotion.challenger:
        challenger = inputs.promotion.challenger
        same = (e for e in ranked if challenger.version and e.model_version == challenger.version)
        model = next(same, None)
    model = model or ranked[0]
    return Subject(model, (model, *(e for e in ranked if e is not model)), is_champion)


def champion_version(inputs: Inputs) -> str | None:
    """The version in production: the bundle's, else what the promotion says; else None."""
    if inputs.champion is not None:
        return inputs.champion.version
    promotion = inputs.promotion
    if promotion is None:
        return None
    if promotion.decision == "promoted" and promotion.challenger:
        return promotion.challenger.version
    return promotion.champion.version if promotion.champion else None
