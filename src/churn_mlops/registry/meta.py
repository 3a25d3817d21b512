"""What `bundle.json` says about a model."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

from churn_mlops.params import Churn
from churn_mlops.registry.calibration import Calibration
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

    def require_width(self, width: int) -> None:
        """Raise ValueError unless the coefficients belong to a matrix of so many columns."""
        if not len(self.coefficients) == len(self.means) == width:
            raise ValueError(f"the coefficients do not belong to the matrix of {width} columns")


class Trees(Part):
    """Boosted trees on the matrix: log-odds = sum over the trees of the leaf that the row falls in.

    The nodes of all trees stand in one list; `roots` are the places of the first ones, `left` and
    `right` places in that list. At a leaf `feature`, `left` and `right` are -1 and `value` is what
    it adds. Elsewhere a row goes left when its number in matrix column `feature` is at most
    `threshold` (equal to it where `categorical`), and when that number is missing (NaN) and
    `missing_left`. `cover` is the number of training rows that came by.
    """

    roots: tuple[int, ...]
    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    categorical: tuple[bool, ...]
    missing_left: tuple[bool, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[float, ...]
    cover: tuple[float, ...]

    def require_width(self, width: int) -> None:
        """Raise ValueError unless these are trees on a matrix of so many columns.

        Every node but the roots has one parent, which stands before it: nothing that walks the
        trees can run in circles or leave them.
        """
        count = len(self.feature)
        lists = (self.threshold, self.categorical, self.missing_left, self.left, self.right)
        if any(len(values) != count for values in (*lists, self.value, self.cover)):
            raise ValueError("the trees' lists differ in length")
        met = sorted(self.roots)
        for place, (feature, left, right) in enumerate(
            zip(self.feature, self.left, self.right, strict=True)
        ):
            if feature < 0:
                continue
            if feature >= width or not place < min(left, right) <= max(left, right) < count:
                raise ValueError(f"node {place} of the trees leads nowhere")
            met += [left, right]
        if sorted(met) != list(range(count)) or any(cover <= 0 for cover in self.cover):
            raise ValueError("the trees have nodes without a parent, with two, or without cover")


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
    """The whole of `bundle.json`; nothing in it depends on when or where it was made.

    Either `linear` or `trees` gives the log-odds before `calibration`. `intervals` are those of
    `metrics` of the same name. `thresholds` holds risks from which on a user is contacted:
    ``top_k`` (where the test days' lists ended, on average) and, with ``scoring.value``,
    ``profit``.
    """

    format: Literal[1] = 1
    family: str
    features: tuple[FeatureFacts, ...]
    encoding: Encoding
    linear: Linear | None
    trees: Trees | None
    calibration: Calibration
    label: Churn
    window: Window
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    thresholds: dict[str, float]
    settings: dict[str, float | int | str | None]
    data: dict[str, str]
    versions: dict[str, str]

    @property
    def model(self) -> Linear | Trees:
        """The model before calibration.

        Raises
        ------
        ValueError
            The description holds none, or two.
        """
        found = [model for model in (self.linear, self.trees) if model is not None]
        if len(found) != 1:
            raise ValueError("a bundle describes either a linear model or trees")
        return found[0]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names in the model's order."""
        return tuple(feature.name for feature in self.features)
