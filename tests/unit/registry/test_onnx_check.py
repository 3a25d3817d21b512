from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from churn_mlops.errors import BundleError
from churn_mlops.registry.onnx_check import check_model


def model(domain="", nodes=None, initializers=(), functions=()):
    nodes = nodes or [helper.make_node("Relu", ["x"], ["y"], domain=domain)]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", TensorProto.FLOAT, [None, 2])],
        [value("y", TensorProto.FLOAT, [None, 2])],
        list(initializers),
    )
    opsets = [helper.make_opsetid("", 17)]
    opsets += [helper.make_opsetid(domain, 1)] if domain else []
    return helper.make_model(graph, opset_imports=opsets, functions=list(functions))


def external():
    tensor = numpy_helper.from_array(np.zeros(2, np.float32), "w")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    return tensor


def hidden_in_branch():
    branch = helper.make_graph(
        [helper.make_node("Evil", [], ["b"], domain="evil")],
        "branch",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, [1])],
    )
    return helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)


def with_function():
    made = model()
    made.functions.append(
        helper.make_function(
            "local",
            "F",
            ["a"],
            ["b"],
            [helper.make_node("Relu", ["a"], ["b"])],
            [helper.make_opsetid("", 17)],
        )
    )
    return made


@pytest.mark.parametrize("domain", ["", "ai.onnx", "ai.onnx.ml"])
def test_standard_domains_pass(domain):
    assert check_model(model(domain).SerializeToString()) is None


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (model("com.microsoft"), "com.microsoft"),
        (model("ai.onnx.contrib"), "ai.onnx.contrib"),
        (model(nodes=[hidden_in_branch()]), "evil"),
        (model(initializers=[external()]), "external data"),
        (
            model(nodes=[helper.make_node("Constant", [], ["y"], value=external())]),
            "external data",
        ),
        (with_function(), "function"),
    ],
)
def test_what_a_bundle_may_not_have_is_refused(made, words):
    with pytest.raises(BundleError, match=words):
        check_model(made.SerializeToString())


def test_domain_of_an_operator_counts_without_an_import():
    made = model()
    made.graph.node[0].domain = "evil"
    with pytest.raises(BundleError, match="evil"):
        check_model(made.SerializeToString())


@pytest.mark.parametrize("garbage", [b"\x3a\xff", b"\x3b", b"\x38\x01", b"\xff" * 20, b"\x3a"])
def test_garbage_is_refused(garbage):
    with pytest.raises(BundleError, match="no readable ONNX model"):
        check_model(garbage)


def test_deep_nesting_is_refused():
    inner = b""
    for _ in range(40):
        inner = (
            _field(7, _field(1, _field(5, _field(6, inner))))
            if not inner
            else _field(1, _field(5, _field(6, inner)))
        )
    with pytest.raises(BundleError, match="deeper"):
        check_model(_field(7, inner))


def _field(number, body):
    size, out = len(body), b""
    while size >= 0x80:
        out, size = out + bytes([size & 0x7F | 0x80]), size >> 7
    return bytes([number << 3 | 2]) + out + bytes([size]) + body


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_pass_but_never_crash(body):
    try:
        assert check_model(body) is None
    except BundleError:
        return


@given(st.data())
def test_the_walk_sees_every_foreign_domain_that_onnx_sees(data):
    body = bytearray(model(nodes=[hidden_in_branch()]).SerializeToString())
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] = data.draw(st.integers(0, 255))
    try:
        parsed = onnx.load_model_from_string(bytes(body))
    except Exception:
        return
    foreign = {node.domain for node in _nodes(parsed.graph)} - {"", "ai.onnx", "ai.onnx.ml"}
    if foreign:
        with pytest.raises(BundleError):
            check_model(bytes(body))


def _nodes(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                yield from _nodes(inner)
