from __future__ import annotations

import pytest
from pydantic import ValidationError

from churn_mlops.features.catalogue import Feature
from churn_mlops.registry.meta import FeatureFacts, Linear, Meta, Trees
from tests.trained import bundle


@pytest.mark.parametrize("name", ["baseline", "candidate"])
def test_it_survives_json_and_refuses_surprises(name):
    meta = bundle(name).meta
    again = Meta.model_validate_json(meta.model_dump_json())
    assert again.model_dump() == meta.model_dump()
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


def trees(**over):
    """Two trees: a split whose right child splits on a category, and a single leaf."""
    lists = {
        "roots": (0, 5),
        "feature": (0, -1, 1, -1, -1, -1),
        "threshold": (0.5, 0.0, 2.0, 0.0, 0.0, 0.0),
        "categorical": (False, False, True, False, False, False),
        "missing_left": (True, False, False, False, False, False),
        "left": (1, -1, 3, -1, -1, -1),
        "right": (2, -1, 4, -1, -1, -1),
        "value": (0.0, 0.1, 0.0, 0.2, 0.3, 0.4),
        "cover": (9.0, 4.0, 5.0, 2.0, 3.0, 9.0),
    }
    return Trees(**(lists | over))


def test_sound_trees_pass():
    assert trees().require_width(2) is None
    assert trees().require_width(50) is None


@pytest.mark.parametrize(
    ("over", "words"),
    [
        *[({name: ()}, "differ in length") for name in Trees.model_fields if name != "roots"],
        ({"cover": (9.0, 4.0, 5.0, 2.0, 3.0)}, "differ in length"),
        # A circle, itself, a parent before which its child stands, outside of the list.
        ({"left": (1, -1, 0, -1, -1, -1)}, "node 2 of the trees leads nowhere"),
        ({"left": (0, -1, 3, -1, -1, -1)}, "node 0 of the trees leads nowhere"),
        ({"right": (2, -1, 2, -1, -1, -1)}, "node 2 of the trees leads nowhere"),
        ({"right": (2, -1, 6, -1, -1, -1)}, "node 2 of the trees leads nowhere"),
        ({"left": (1, -1, -1, -1, -1, -1)}, "node 2 of the trees leads nowhere"),
        # Two parents, none, a root below a node, a root twice, a root that is no node.
        ({"left": (1, -1, 4, -1, -1, -1)}, "without a parent, with two"),
        ({"roots": (0,)}, "without a parent"),
        ({"roots": ()}, "without a parent"),
        ({"roots": (0, 3)}, "without a parent"),
        ({"roots": (0, 5, 5)}, "without a parent"),
        ({"roots": (0, 6)}, "without a parent"),
        ({"roots": (-1, 0, 5)}, "without a parent"),
        ({"feature": (0, -1, 2, -1, -1, -1)}, "node 2 of the trees leads nowhere"),
        ({"cover": (9.0, 4.0, 5.0, 0.0, 3.0, 9.0)}, "without cover"),
        ({"cover": (9.0, -4.0, 5.0, 2.0, 3.0, 9.0)}, "without cover"),
    ],
)
def test_trees_that_cannot_be_walked_are_refused(over, words):
    with pytest.raises(ValueError, match=words):
        trees(**over).require_width(2)


def test_numbers_that_are_none_are_refused():
    with pytest.raises(ValidationError):
        trees(value=(0.0, float("nan"), 0.0, 0.2, 0.3, 0.4))


@pytest.mark.parametrize("width", [1, 3])
def test_coefficients_belong_to_one_width(width):
    linear = Linear(intercept=0.0, coefficients=(1.0, 2.0), means=(0.0, 0.0))
    linear.require_width(2)
    with pytest.raises(ValueError, match="do not belong"):
        linear.require_width(width)
    with pytest.raises(ValueError, match="do not belong"):
        linear.model_copy(update={"means": (0.0,)}).require_width(2)


def test_a_model_is_linear_or_trees_but_not_both():
    linear, boosted = bundle().meta, bundle("candidate").meta
    assert linear.model is linear.linear
    assert boosted.model is boosted.trees
    for change in ({"linear": None}, {"trees": boosted.trees}):
        with pytest.raises(ValueError, match="either a linear model or trees"):
            _ = linear.model_copy(update=change).model
