from __future__ import annotations

import pytest
from pydantic import ValidationError

from churn_mlops.features.catalogue import Feature
from churn_mlops.registry.meta import FeatureFacts, Meta
from tests.trained import bundle


def test_it_survives_json_and_refuses_surprises():
    meta = bundle().meta
    assert Meta.model_validate_json(meta.model_dump_json()) == meta
    with pytest.raises(ValidationError):
        Meta.model_validate(meta.model_dump() | {"surprise": 1})


def test_features_keep_what_the_catalogue_says():
    feature = Feature("logins_7d", "numeric", "int32", "events", "logins", 0, 7)
    facts = FeatureFacts.of(feature, 2.0, 2.5, -1)
    assert (facts.minimum, facts.maximum, facts.unit) == (0.0, 7.0, "events")
    assert (facts.typical, facts.mean, facts.direction) == (2.0, 2.5, -1)


def test_feature_names_follow_the_models_order():
    assert bundle().meta.feature_names == tuple(f.name for f in bundle().meta.features)
    assert set(bundle().meta.feature_names) == set(bundle().meta.encoding.names)
