"""What the API takes and gives; the client reads its answers with the same classes.

The features of a request depend on the champion: `churn_mlops.api.intake` makes the exact class.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

UserId = (
    Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)]
    | Annotated[str, Field(strict=True, min_length=1, max_length=256)]
)
Value = float | str | None


class Answer(BaseModel):
    """Base of all answers; fields of later versions are no mistake to older readers."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Prediction(Answer):
    """The risk of one user.

    `imputed` are features that were not given and for which the model's default stands in,
    `out_of_range` numbers outside the possible range or outside all that training has seen,
    `unseen` categories that training has not seen. `reasons` come with ``explain=true``.
    """

    user_id: int | str
    snapshot_date: date | None = None
    churn_risk: float = Field(ge=0, le=1, description="probability of churn, six decimals")
    decision: Literal["contact", "none"] = Field(description="contact: risk at or above threshold")
    threshold: float
    model_version: str
    imputed: list[str] = []
    out_of_range: list[str] = []
    unseen: list[str] = []
    reasons: list[str] | None = None


class Predictions(Answer):
    """The risks of a batch, in the order in which it was sent."""

    model_version: str
    threshold: float
    predictions: list[Prediction]


class ScoredUser(Answer):
    """What the latest batch said about a user; columns depend on the features."""

    model_config = ConfigDict(frozen=True, extra="allow")

    user_id: int | str
    as_of_date: date
    churn_risk: float
    risk_rank: int
    decision: Literal["contact", "hold_out", "none"]
    reasons: list[str]
    model_version: str


class ModelFeature(Answer):
    """A feature as the champion knows it."""

    name: str
    kind: Literal["numeric", "categorical"]
    type: str
    unit: str
    about: str
    minimum: float | None = Field(description="smallest possible value")
    maximum: float | None = Field(description="largest possible value")
    seen_minimum: float | None = Field(description="smallest value in training")
    seen_maximum: float | None = Field(description="largest value in training")
    categories: list[str] | None
    default: float | str | None = Field(description="stands in when the feature is not given")


class ModelDescription(Answer):
    """The champion: what it takes, how good it is, and its card."""

    name: str
    model_version: str
    registry_version: int | None
    digest: str
    family: str
    features: list[ModelFeature]
    label: dict[str, object]
    window: dict[str, object]
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    thresholds: dict[str, float]
    card: str


class Readiness(Answer):
    """Which model answers, and whether the registry is in reach.

    `stale`: the registry did not answer or its champion was refused; the last good model serves.
    """

    ready: bool
    model: str
    model_version: str | None = None
    registry_version: int | None = None
    source: str
    stale: bool
    detail: str | None = None


class Mistake(Answer):
    """One thing that is wrong with a request, and where."""

    where: str
    message: str


class Problem(Answer):
    """An error, as RFC 9457 (application/problem+json) lays it out."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[Mistake] = []
