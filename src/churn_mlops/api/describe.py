"""What ``GET /model`` tells about the champion."""

from __future__ import annotations

from churn_mlops.api.schemas import ModelDescription, ModelFeature
from churn_mlops.api.served import Served


def describe(served: Served, name: str) -> ModelDescription:
    """Describe a model to people and programs.

    Parameters
    ----------
    served : Served
    name : str
        Of the registered model.
    """
    meta = served.bundle.meta
    numeric = {n.name: n for n in meta.encoding.numeric}
    categories = {c.name: list(c.categories) for c in meta.encoding.categorical}
    features = []
    for feature in meta.features:
        number = numeric.get(feature.name)
        features.append(
            ModelFeature(
                **feature.model_dump(
                    include={"name", "kind", "type", "unit", "about", "minimum", "maximum"}
                ),
                seen_minimum=number.seen_minimum if number else None,
                seen_maximum=number.seen_maximum if number else None,
                categories=categories.get(feature.name),
                # Where training knew missing values, missing is what a missing one stays.
                default=number.default if number and not number.missing else None,
            )
        )
    return ModelDescription(
        name=name,
        model_version=served.version,
        registry_version=served.number,
        digest=served.bundle.digest,
        family=meta.family,
        features=features,
        label=meta.label.model_dump(mode="json"),
        window=meta.window.model_dump(mode="json"),
        metrics=meta.metrics,
        intervals=meta.intervals,
        thresholds=meta.thresholds,
        card=served.bundle.card,
    )
