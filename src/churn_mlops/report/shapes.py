"""The shapes of the JSON files that the report reads; unknown keys are passed over."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Numbers = tuple[float | None, ...]


class Shape(BaseModel):
    """A part of a file: immutable and forgiving about what it does not know."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Rule(Shape):
    """How well a simple rule ranks."""

    pr_auc: float | None = None
    roc_auc: float | None = None


class Slice(Shape):
    """The users of one category."""

    by: str
    value: str | int | float | bool | None = None
    rows: int = 0
    users: int = 0
    base_rate: float | None = None
    pr_auc: float | None = None
    roc_auc: float | None = None
    ece: float | None = None
    mean_risk: float | None = None


class Calibrated(Shape):
    """Which calibration was chosen, among what."""

    method: str
    log_loss: dict[str, float | None] = {}
    rows: int = 0
    users: int = 0


class Pr(Shape):
    """Points of the precision-recall curve."""

    recall: Numbers = ()
    precision: Numbers = ()


class Roc(Shape):
    """Points of the ROC curve."""

    false_positive_rate: Numbers = ()
    true_positive_rate: Numbers = ()


class Bins(Shape):
    """Mean risk, share of leavers and rows per bin."""

    predicted: Numbers = ()
    observed: Numbers = ()
    rows: tuple[int, ...] = ()


class Curves(Shape):
    """All curves of a model."""

    pr: Pr = Pr()
    roc: Roc = Roc()
    calibration: Bins = Bins()


class Weight(Shape):
    """The share of a feature in what a model says."""

    feature: str
    about: str = ""
    share: float


class Check(Shape):
    """The outcome of a check for leakage."""

    id: str
    status: str
    text: str = ""


class Split(Shape):
    """Days of training and test, ISO."""

    train_first_day: str
    train_last_day: str
    train_days: int
    test_first_day: str
    test_last_day: str
    test_days: int
    embargo_days: int


class Profit(Shape):
    """What contacting pays, by the share of users contacted."""

    share: Numbers
    profit_per_user: Numbers
    best_share: float
    best_threshold: float | None = None
    best_profit_per_user: float
    value: dict[str, float | None] = {}


class Evaluation(Shape):
    """`evaluation/MODEL.json`."""

    name: str
    family: str
    model_version: str
    metrics: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None] = {}
    confidence: float = 0.95
    resamples: int = 0
    rules: dict[str, Rule] = {}
    beats_rules: bool | None = None
    slices: tuple[Slice, ...] = ()
    calibration: Calibrated | None = None
    curves: Curves = Curves()
    importance: tuple[Weight, ...] = ()
    checks: tuple[Check, ...] = ()
    split: Split | None = None
    profit: Profit | None = None


class Contestant(Shape):
    """A model in the promotion decision."""

    name: str = ""
    family: str = ""
    version: str = ""


class Verdict(Shape):
    """One rule of the gate."""

    rule: str
    passed: bool | None
    text: str = ""


class Promotion(Shape):
    """`metrics/promotion.json`."""

    decision: str
    reason: str = ""
    metric: str = "pr_auc"
    challenger: Contestant | None = None
    champion: Contestant | None = None
    against: str | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95
    rows: int | None = None
    users: int | None = None
    first_day: str | None = None
    last_day: str | None = None
    rules: tuple[Verdict, ...] = ()


class Point(Shape):
    """A model's metric after one cutoff."""

    cutoff: str
    model: str
    value: float | None
    low: float | None = None
    high: float | None = None
    recency: float | None = None


class Backtest(Shape):
    """`metrics/backtest.json`."""

    metric: str = "pr_auc"
    points: tuple[Point, ...] = ()


class Table(Shape):
    """One table's part of the gate's report."""

    rows_in: int
    rows_ok: int
    rows_quarantined: int
    quarantine_share: float = 0.0
    checks: dict[str, int] = {}


class Validation(Shape):
    """`validation/report.json`."""

    status: str
    calendar: dict[str, str] = {}
    tables: dict[str, Table] = Field(default_factory=dict)


class User(Shape):
    """A row of the latest predictions; ids may be numbers or text."""

    user_id: Any
    as_of_date: str
    churn_risk: float
    risk_rank: int
    decision: str = ""
    reasons: tuple[str, ...] = ()
    model_version: str = ""
