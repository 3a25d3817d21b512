"""What `bundle.json` says about a model."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

from churn_mlops.params import Churn
from churn_mlops.registry.encoding import Encoding, Part

if TYPE_CHECKING:
    from churn_mlops.features.catalogue import Feature


class FeatureFacts(Part):
    """A feature as the model knows it.

    `typical` is the training median or the most frequent category, `mean` the training mean of a
    numeric feature. `direction` is the sign with which a numeric feature alone goes along with
    churn in training; 0 for categorical ones.
    """

    name: str
    kind: Literal["numeric", "categorical"]
    type: str
    unit: str
    about: str
    minimum: float | None
    maximum: float | None
    typical: float | str | None
    mean: float | None
    direction: Literal[-1, 0, 1]

    @classmethod
    def of(
        cls,
        feature: Feature,
        typical: float | str | None,
        mean: float | None,
        direction: Literal[-1, 0, 1],
    ) -> FeatureFacts:
        """Take over what the catalogue says and add what training has seen."""
        return cls(
            name=feature.name,
            kind=feature.kind,
            type=feature.type,
            unit=feature.unit,
            about=feature.about,
            minimum=None if feature.minimum is None else float(feature.minimum),
            maximum=None if feature.maximum is None else float(feature.maximum),
            typical=typical,
            mean=mean,
            direction=direction,
        )


class Linear(Part):
    """A linear model on the matrix: log-odds = intercept + matrix @ coefficients.

    `means` are the training means of the matrix columns, from which contributions are measured.
    """

    intercept: float
    coefficients: tuple[float, ...]
    means: tuple[float, ...]


class Window(Part):
    """Days that the model was trained and tested on."""

    train_first_day: date
    train_last_day: date
    train_days: int
    test_first_day: date
    test_last_day: date
    test_days: int
    embargo_days: int


class Meta(Part):
    """The whole of `bundle.json`; nothing in it depends on when or where it was made."""

    format: Literal[1] = 1
    family: str
    features: tuple[FeatureFacts, ...]
    encoding: Encoding
    linear: Linear | None
    label: Churn
    window: Window
    metrics: dict[str, float]
    settings: dict[str, float | int | str | None]
    data: dict[str, str]
    versions: dict[str, str]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names in the model's order."""
        return tuple(feature.name for feature in self.features)
