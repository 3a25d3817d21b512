"""Sections about models: training, evaluation, promotion, scoring."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from churn_mlops.params.section import Days, Name, Section, as_date


class Baseline(Section):
    """The logistic regression: inverse regularisation strength and solver iterations."""

    c: Annotated[float, Field(gt=0)] = 0.01
    max_iter: Annotated[int, Field(ge=1)] = 1_000


class Candidate(Section):
    """The boosted trees (LightGBM): size of a tree, learning rate, sampling, regularisation.

    Rounds end `early_stopping_rounds` after the best one on the validation days, at the latest
    after `max_rounds`; `rounds` fixes their number instead. `monotone` adds directions to those
    that the feature catalogue knows: 1 when a larger value can only raise the risk, -1 when it can
    only lower it.
    """

    num_leaves: Annotated[int, Field(ge=2, le=1024)] = 31
    max_depth: Annotated[int, Field(ge=1, le=12)] = 8
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    rounds: Annotated[int, Field(ge=1, le=10_000)] | None = None
    max_rounds: Annotated[int, Field(ge=1, le=10_000)] = 600
    early_stopping_rounds: Annotated[int, Field(ge=1)] = 30
    min_rows_per_leaf: Annotated[int, Field(ge=1)] = 200
    feature_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    row_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    l2: Annotated[float, Field(ge=0)] = 5.0
    monotone: dict[Name, Literal[-1, 1]] = {}


class Training(Section):
    """Split in time and what the models are trained on.

    The test set is the last `test_size` of the mature days, at most `max_test_days` of them, or the
    days from `test_start` to `test_end` when these are given; `train_start` and `train_end` narrow
    the training days. `snapshot_every_days` keeps one day in so many, `max_rows` thins further by
    whole days.

    `calibration_share` of the users are kept from fitting, so that risks are calibrated on users
    that the model has not seen. `validation_share` of the training days, the last ones, decide
    how many rounds the boosted trees take; the embargo holds before them, too.
    """

    test_size: Annotated[float, Field(gt=0, lt=1)] = 0.2
    max_test_days: Days | None = None
    train_start: date | None = None
    train_end: date | None = None
    test_start: date | None = None
    test_end: date | None = None
    snapshot_every_days: Days = 1
    max_rows: Annotated[int, Field(ge=100)] = 1_000_000
    class_weight: Literal["balanced"] | None = "balanced"
    seed: Annotated[int, Field(ge=0)] = 42
    calibration_share: Annotated[float, Field(gt=0, le=0.5)] = 0.15
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    baseline: Baseline = Baseline()
    candidate: Candidate = Candidate()

    _dates = field_validator("train_start", "train_end", "test_start", "test_end", mode="before")(
        as_date
    )

    @model_validator(mode="after")
    def _order(self) -> Self:
        for first, last in (("train_start", "train_end"), ("test_start", "test_end")):
            a, b = getattr(self, first), getattr(self, last)
            if a and b and b < a:
                raise ValueError(f"{last} {b} lies before {first} {a}")
        if self.test_end and not self.test_start:
            raise ValueError("test_end needs test_start")
        return self


class Evaluation(Section):
    """How sure the metrics are, and for whom they are told apart.

    Intervals come from `resamples` bootstrap resamples of users. `slices` are categorical static
    features (null: all of them); tenure is told apart at `tenure_days`. A slice needs
    `minimum_slice_rows`.
    """

    resamples: Annotated[int, Field(ge=20, le=10_000)] = 200
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    slices: tuple[Name, ...] | None = None
    tenure_days: tuple[Days, ...] = (30, 90)
    minimum_slice_rows: Annotated[int, Field(ge=50)] = 200
    backtest_cutoffs: Annotated[int, Field(ge=1, le=100)] = 4


class Promotion(Section):
    """When a challenger replaces the champion.

    Both are scored on the same rows, at least `min_rows` of at least `min_users` users. The
    lower end of the interval (`confidence`, two-sided, `resamples` of users) of the gain in
    `metric` must lie above `margin`; the expected calibration error may grow by at most
    `max_ece_increase`; in no slice may `metric` fall by more than `max_slice_drop`. `dry_run`
    decides and records without changing anything, `disabled` does not even decide.
    """

    mode: Literal["enabled", "dry_run", "disabled"] = "enabled"
    metric: Literal["pr_auc", "roc_auc"] = "pr_auc"
    margin: Annotated[float, Field(ge=0, lt=1)] = 0.0
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    max_ece_increase: Annotated[float, Field(ge=0, le=1)] = 0.02
    max_slice_drop: Annotated[float, Field(ge=0, le=1)] = 0.1
    min_rows: Annotated[int, Field(ge=50)] = 500
    min_users: Annotated[int, Field(ge=20)] = 100
    resamples: Annotated[int, Field(ge=100, le=100_000)] = 1_000


class Value(Section):
    """What a contact is worth, in one currency, for choosing whom to contact.

    `customer_value` is what a user is worth who stays, `contact_cost` what a contact costs,
    `offer_cost` what the offer costs when it is taken, `success_rate` the share of leaving users
    whom it keeps. `budget` bounds the expected cost of a day's list (null: no bound).
    """

    customer_value: Annotated[float, Field(gt=0)]
    contact_cost: Annotated[float, Field(ge=0)]
    offer_cost: Annotated[float, Field(ge=0)] = 0.0
    success_rate: Annotated[float, Field(gt=0, le=1)] = 0.3
    budget: Annotated[float, Field(gt=0)] | None = None


class Scoring(Section):
    """The ranked list: the day scored (null: the last one) and who is to be contacted.

    Without `value` the `top_k` users are contacted; with it, those whose contact is expected to
    pay, within the budget. `holdout_share` of them, drawn by chance, are left alone, so that the
    effect of contacting can be measured later. `reasons_for` everybody or the contact list only.
    """

    as_of_date: date | None = None
    top_k: Annotated[int, Field(ge=1)] = 100
    batch_rows: Annotated[int, Field(ge=1)] = 50_000
    value: Value | None = None
    holdout_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    reasons_for: Literal["contacts", "everybody"] = "contacts"

    _dates = field_validator("as_of_date", mode="before")(as_date)
