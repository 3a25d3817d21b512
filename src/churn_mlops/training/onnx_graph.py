"""Writes a model as ONNX: matrix in, calibrated probability of churn out.

    matrix (float32) -> Cast -> log-odds (linear: MatMul, Add; trees: TreeEnsembleRegressor)
                             -> calibration (logistic, or straight lines) -> churn_risk

All sums run in float64, so that a row's probability does not depend on how many rows are scored
together: in float32 the order of addition shows in the sixth decimal. Only operators of ai.onnx
and ai.onnx.ml occur, and the same model gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from churn_mlops.registry.bundle import INPUT, OUTPUT
from churn_mlops.registry.calibration import Calibration
from churn_mlops.registry.meta import Linear, Trees

OPSET, ML_OPSET, IR_VERSION = 17, 3, 8


class Graph:
    """Nodes and constants that are being collected; every value has a name."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, operator: str, *inputs: str, out: str, **attributes: Any) -> str:
        """Add a node with one output and return that output's name."""
        from onnx import helper

        self.nodes.append(helper.make_node(operator, list(inputs), [out], **attributes))
        return out

    def constant(self, name: str, value: Any) -> str:
        """Add a float64 constant and return its name."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.array(value, dtype=np.float64), name))
        return name

    def integers(self, name: str, values: list[int]) -> str:
        """Add an int64 constant and return its name."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.array(values, dtype=np.int64), name))
        return name


def to_onnx(model: Linear | Trees, calibration: Calibration, width: int) -> bytes:
    """Serialise a model with its calibration.

    Parameters
    ----------
    model : Linear or Trees
    calibration : Calibration
    width : int
        Matrix columns.

    Returns
    -------
    bytes
        An ONNX ModelProto: ``matrix`` float32 (rows, width) in, ``churn_risk`` float32 (rows) out.
    """
    from onnx import TensorProto, checker, helper

    graph = Graph()
    wide = graph.add("Cast", INPUT, out="wide", to=TensorProto.DOUBLE)
    add_model = _add_linear if isinstance(model, Linear) else _add_trees
    risk = _CALIBRATIONS[calibration.method](graph, add_model(graph, wide, model), calibration)
    graph.add("Cast", risk, out=OUTPUT, to=TensorProto.FLOAT)
    single = TensorProto.FLOAT
    proto = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "churn",
            [helper.make_tensor_value_info(INPUT, single, ["rows", width])],
            [helper.make_tensor_value_info(OUTPUT, single, ["rows"])],
            graph.constants,
        ),
        producer_name="churn-mlops",
        ir_version=IR_VERSION,
        opset_imports=[
            helper.make_opsetid("", OPSET),
            helper.make_opsetid("ai.onnx.ml", ML_OPSET),
        ],
    )
    checker.check_model(proto)
    return bytes(proto.SerializeToString(deterministic=True))


def _add_linear(graph: Graph, wide: str, model: Any) -> str:
    coefficients = graph.constant("coefficients", model.coefficients)
    graph.add("MatMul", wide, coefficients, out="weighted")
    return graph.add(
        "Add", "weighted", graph.constant("intercept", model.intercept), out="log_odds"
    )


def _add_trees(graph: Graph, wide: str, model: Any) -> str:
    from onnx import TensorProto, helper

    def doubles(name: str, values: Sequence[float]) -> Any:
        return helper.make_tensor(name, TensorProto.DOUBLE, [len(values)], values)

    tree, node = _numbered(model)
    leaf = np.array(model.feature) < 0
    left, right = np.array(model.left), np.array(model.right)
    modes = np.where(leaf, "LEAF", np.where(model.categorical, "BRANCH_EQ", "BRANCH_LEQ"))
    graph.add(
        "TreeEnsembleRegressor",
        wide,
        out="scores",
        domain="ai.onnx.ml",
        n_targets=1,
        post_transform="NONE",
        aggregate_function="SUM",
        nodes_treeids=tree.tolist(),
        nodes_nodeids=node.tolist(),
        nodes_featureids=np.maximum(model.feature, 0).tolist(),
        nodes_modes=modes.tolist(),
        nodes_values_as_tensor=doubles("thresholds", model.threshold),
        nodes_truenodeids=np.where(leaf, 0, node[left]).tolist(),
        nodes_falsenodeids=np.where(leaf, 0, node[right]).tolist(),
        nodes_missing_value_tracks_true=[int(goes) for goes in model.missing_left],
        target_treeids=tree[leaf].tolist(),
        target_nodeids=node[leaf].tolist(),
        target_ids=[0] * int(leaf.sum()),
        target_weights_as_tensor=doubles("leaves", np.array(model.value)[leaf].tolist()),
    )
    # The operator adds up in float64 but answers in float32, one column.
    graph.add("Cast", "scores", out="column", to=TensorProto.DOUBLE)
    return graph.add("Reshape", "column", graph.integers("flat", [-1]), out="log_odds")


def _numbered(model: Trees) -> tuple[np.ndarray, np.ndarray]:
    """Number of the tree, and number within the tree, of each node."""
    place = np.arange(len(model.feature))
    tree = np.searchsorted(model.roots, place, side="right") - 1
    return tree, place - np.array(model.roots)[tree]


def _sigmoid(graph: Graph, log_odds: str, calibration: Calibration) -> str:
    slope, intercept = calibration.parameters
    graph.add("Mul", log_odds, graph.constant("slope", slope), out="sloped")
    graph.add("Add", "sloped", graph.constant("shift", intercept), out="logit")
    return graph.add("Sigmoid", "logit", out="probability")


def _beta(graph: Graph, log_odds: str, calibration: Calibration) -> str:
    """logit = b softplus(s) - a softplus(-s) + c, by softplus(s) = max(s, 0) + ln(1 + exp(-|s|)).

    ONNX Runtime has no Softplus in float64.
    """
    a, b, c = calibration.parameters
    zero, one = graph.constant("zero", 0.0), graph.constant("one", 1.0)
    graph.add("Abs", log_odds, out="size")
    graph.add("Neg", "size", out="minus_size")
    graph.add("Exp", "minus_size", out="decay")
    graph.add("Add", "decay", one, out="one_and_decay")
    graph.add("Log", "one_and_decay", out="rest")
    graph.add("Max", log_odds, zero, out="above")
    graph.add("Sub", "above", log_odds, out="below")
    graph.add("Add", "above", "rest", out="softplus")
    graph.add("Add", "below", "rest", out="softplus_of_minus")
    graph.add("Mul", "softplus", graph.constant("b", b), out="upper")
    graph.add("Mul", "softplus_of_minus", graph.constant("a", a), out="lower")
    graph.add("Sub", "upper", "lower", out="difference")
    graph.add("Add", "difference", graph.constant("c", c), out="logit")
    return graph.add("Sigmoid", "logit", out="probability")


def _isotonic(graph: Graph, log_odds: str, calibration: Calibration) -> str:
    """First logit, plus for each piece its slope times the part of it that lies below s."""
    x, y = np.array(calibration.log_odds), np.array(calibration.logits)
    graph.integers("column_axis", [1])
    graph.add("Unsqueeze", log_odds, "column_axis", out="standing")
    graph.add("Max", "standing", graph.constant("from", x[:-1]), out="at_least")
    graph.add("Min", "at_least", graph.constant("until", x[1:]), out="within")
    graph.add("Sub", "within", "from", out="covered")
    graph.add("MatMul", "covered", graph.constant("slopes", np.diff(y) / np.diff(x)), out="risen")
    graph.add("Add", "risen", graph.constant("level", y[0]), out="logit")
    return graph.add("Sigmoid", "logit", out="probability")


_CALIBRATIONS = {"sigmoid": _sigmoid, "beta": _beta, "isotonic": _isotonic}
