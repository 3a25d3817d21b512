"""From LightGBM's own description of its trees to the bundle's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from churn_mlops.errors import BundleError
from churn_mlops.registry.meta import Trees

FIELDS = (
    "feature",
    "threshold",
    "categorical",
    "missing_left",
    "left",
    "right",
    "value",
    "cover",
)


def trees_of(dump: Mapping[str, Any]) -> Trees:
    """Read the trees of ``Booster.dump_model()``.

    The start value (``boost_from_average``) is part of the first tree's leaves there.

    Parameters
    ----------
    dump : mapping

    Raises
    ------
    BundleError
        A split has a form that the bundle does not know: zeros taken as missing, or a set of
        several categories.
    """
    nodes: dict[str, list[Any]] = {name: [] for name in FIELDS}
    roots = tuple(_add(nodes, tree["tree_structure"]) for tree in dump["tree_info"])
    return Trees(roots=roots, **{name: tuple(values) for name, values in nodes.items()})


def _add(nodes: dict[str, list[Any]], node: Mapping[str, Any]) -> int:
    """Append a node and everything below it; return its place."""
    place = len(nodes["feature"])
    leaf = "split_feature" not in node
    described = _leaf(node) if leaf else _split(node)
    for name in FIELDS:
        nodes[name].append(described[name])
    if not leaf:
        nodes["left"][place] = _add(nodes, node["left_child"])
        nodes["right"][place] = _add(nodes, node["right_child"])
    return place


def _leaf(node: Mapping[str, Any]) -> dict[str, Any]:
    # A tree that is nothing but a leaf has no count; every row falls into it.
    cover = max(float(node.get("leaf_count", 1)), 1.0)
    return {
        "feature": -1,
        "threshold": 0.0,
        "categorical": False,
        "missing_left": False,
        "left": -1,
        "right": -1,
        "value": float(node["leaf_value"]),
        "cover": cover,
    }


def _split(node: Mapping[str, Any]) -> dict[str, Any]:
    categorical = node["decision_type"] == "=="
    if node["missing_type"] == "Zero":
        raise BundleError("the trees take zeros as missing values, which a bundle cannot say")
    if categorical and "||" in str(node["threshold"]):
        raise BundleError(
            f"a split asks for several categories at once ({node['threshold']})",
            fix="train with max_cat_to_onehot above the number of categories",
        )
    threshold = float(node["threshold"])
    if categorical:
        missing_left = False
    elif node["missing_type"] == "None":
        # No value was missing in training: LightGBM then takes a missing one as zero.
        missing_left = threshold >= 0
    else:
        missing_left = bool(node["default_left"])
    return {
        "feature": int(node["split_feature"]),
        "threshold": threshold if categorical else float32_below(threshold),
        "categorical": categorical,
        "missing_left": missing_left,
        "left": -1,
        "right": -1,
        "value": 0.0,
        "cover": float(node["internal_count"]),
    }


def float32_below(threshold: float) -> float:
    """The largest float32 at or below a threshold.

    For every float32 x, ``x <= threshold`` then has the same answer in either precision. Thresholds
    beyond the range of float32 become its ends.
    """
    top = float(np.finfo(np.float32).max)
    clipped = np.float32(min(max(threshold, -top), top))
    if float(clipped) > threshold >= -top:
        clipped = np.nextafter(clipped, np.float32(-np.inf))
    return float(clipped)
