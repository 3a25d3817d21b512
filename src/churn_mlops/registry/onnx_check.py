"""Reads an ONNX file's structure without running it: which operators, and nothing outside.

ONNX Runtime alone would also load operators of other domains (its own contributed ones, or those
of a registered library) and tensors kept in further files. A bundle may have neither. This walks
the protobuf wire format by the field numbers of onnx.proto3, so that serving needs no `onnx`
package; whatever it does not understand is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from churn_mlops.errors import BundleError

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
MAXIMUM_DEPTH = 16

# Field numbers of the messages that can hold operators or tensors: number -> message.
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "opset": {},
    "tensor": {},
}
_DOMAIN_FIELD = {"opset": 1, "node": 7}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14


def check_model(model: bytes) -> None:
    """Refuse a model with foreign operators, model-local functions or external data.

    Parameters
    ----------
    model : bytes
        A serialised ONNX ModelProto.

    Raises
    ------
    BundleError
        It is no ONNX model, or has what a bundle may not have.
    """
    try:
        _walk(memoryview(model), "model", 0)
    except (IndexError, ValueError, UnicodeDecodeError) as error:
        raise BundleError(f"model.onnx is no readable ONNX model: {error}") from error


def _walk(message: memoryview, kind: str, depth: int) -> None:
    if depth > MAXIMUM_DEPTH:
        raise BundleError(f"model.onnx nests graphs deeper than {MAXIMUM_DEPTH}")
    below = _MESSAGES[kind]
    for number, wire, value in _fields(message):
        if kind == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value)):
            raise BundleError("model.onnx keeps tensors in other files (external data)")
        if number == _DOMAIN_FIELD.get(kind):
            domain = bytes(_submessage(value, wire)).decode()
            if domain not in DOMAINS:
                raise BundleError(
                    f"model.onnx uses operators of the domain '{domain}'; only the standard ones"
                    " (ai.onnx, ai.onnx.ml) are allowed"
                )
        if number not in below:
            continue
        inner = below[number]
        if inner in ("function", "training"):
            raise BundleError(f"model.onnx holds a {inner}, which a bundle may not")
        _walk(_submessage(value, wire), inner, depth + 1)


def _submessage(value: int | memoryview, wire: int) -> memoryview:
    if not isinstance(value, memoryview):
        raise ValueError(f"wire type {wire} where a message belongs")
    return value


def _fields(message: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        value: int | memoryview
        if wire == 0:
            value, at = _varint(message, at)
        elif wire in (1, 5):
            value, at = 0, at + (8 if wire == 1 else 4)
        elif wire == 2:
            size, at = _varint(message, at)
            value, at = message[at : at + size], at + size
        else:
            raise ValueError(f"unknown wire type {wire}")
        if at > end:
            raise ValueError("it ends within a field")
        yield number, wire, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than 10 bytes")
