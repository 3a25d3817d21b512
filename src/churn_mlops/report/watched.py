"""The shapes of what monitoring writes about scores and performance."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import Field, model_validator

from churn_mlops.report.shapes import Shape


class Promised(Shape):
    """A metric's estimate and interval."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


class Graded(Promised):
    """A metric's true value, beside what was promised; `kept` is None where nothing was."""

    estimated: float | None = None
    kept: bool | None = None


class Realised(Shape):
    """How a batch turned out."""

    users: int = 0
    unlabelled: int = 0
    as_of_date: date | None = None
    model_version: str = ""
    metrics: dict[str, Graded] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, body: Any) -> Any:
        """Metrics stand beside the other keys; each is an object."""
        if not isinstance(body, dict) or "metrics" in body:
            return body
        metrics = {name: value for name, value in body.items() if isinstance(value, dict)}
        return {key: value for key, value in body.items() if key not in metrics} | {
            "metrics": metrics
        }


class Batch(Shape):
    """A batch of the history."""

    as_of_date: date
    model_version: str = ""
    users: int = 0
    estimated: dict[str, Promised] | None = None
    realised: Realised | None = None


class Count(Shape):
    """Graded promises, and those that were kept."""

    batches: int = 0
    kept: int = 0


class Performance(Shape):
    """`monitoring/performance_latest.json`."""

    as_of_date: date
    model_version: str = ""
    confidence: float = 0.9
    estimated: dict[str, Promised] = Field(default_factory=dict)
    realised: Realised | None = None
    floors: dict[str, float] = Field(default_factory=dict)
    status: str = ""
    promises: dict[str, Count] = Field(default_factory=dict)
    history: tuple[Batch, ...] = ()


class ScoreProxy(Shape):
    """`monitoring/score_proxy_latest.json`."""

    as_of_date: date
    users: int = 0
    risk_mean: float | None = None
    high_risk: float = 0.5
    high_risk_share: float | None = None
    contacts: int = 0
    compared_with: tuple[date, ...] = ()
    risk_psi: float | None = None
    risk_chance_psi: float | None = None
    status: str = ""


class Finding(Shape):
    """One thing that a drift check found."""

    check: str
    level: str
    column: str | None = None
    text: str
    upstream: bool = False


class Column(Shape):
    """One column of a drift check."""

    column: str
    psi: float
    chance_psi: float = 0.0
    importance: float = 0.0
    level: str = "OK"
    text: str = ""


class Risk(Shape):
    """The predicted risk in a drift check."""

    psi: float
    level: str = "OK"
    mean: float | None = None
    reference_mean: float | None = None


class Joint(Shape):
    """All columns together in a drift check."""

    roc_auc: float
    level: str = "OK"


class Days(Shape):
    """The days that a drift check compared with."""

    first_day: str = ""
    last_day: str = ""
    rows: int = 0
    compared: str = ""


class Drift(Shape):
    """`monitoring/drift_latest.json`."""

    as_of_date: str
    status: str
    headline: str = ""
    users: int = 0
    model_version: str = ""
    reference: Days = Days()
    findings: tuple[Finding, ...] = ()
    columns: tuple[Column, ...] = ()
    risk: Risk | None = None
    joint: Joint | None = None
