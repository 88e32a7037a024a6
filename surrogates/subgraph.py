"""Cutting an ONNX model down to some of its outputs, so that a query pays for nothing else.

onnxruntime always evaluates the whole graph, and the onnx package is too heavy to race with. All that is needed of
ONNX's protobuf encoding is to tell messages apart: a model holds its graph in field 7; a graph its nodes in field 1, in
the order of their evaluation, and its outputs in field 12; a node names its inputs in field 1 and its outputs in field
2, an output itself in field 1 (onnx.proto).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

_GRAPH, _NODE, _OUTPUT, _NODE_INPUT, _NODE_OUTPUT, _NAME, _METADATA = 7, 1, 12, 1, 2, 1, 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_Field = tuple[int, memoryview, memoryview]


def keep_outputs(model: bytes | memoryview, names: Collection[str]) -> bytes:
    """Drop every graph output that is not called one of ``names``, and every node that those do not need.

    Parameters
    ----------
    model
        An ONNX model.
    names
        Of the outputs to keep.
    """
    wanted = {name.encode() for name in names}
    parts: list[bytes | memoryview] = []
    for number, whole, payload in _fields(memoryview(model)):
        if number != _GRAPH:
            parts.append(whole)
            continue
        kept = _kept([*_fields(payload)], wanted)
        parts += [_varint(_GRAPH << 3 | _BYTES), _varint(sum(map(len, kept))), *kept]
    return b"".join(parts)


def read_metadata(model: bytes | memoryview, key: str) -> str | None:
    """Give the metadata ``key`` of an ONNX model (field 14: messages of key, field 1, and value, field 2)."""
    for number, _, payload in _fields(memoryview(model)):
        if number == _METADATA:
            entry = {field: bytes(inner) for field, _, inner in _fields(payload)}
            if entry.get(1) == key.encode():
                return entry[2].decode()
    return None


def _kept(graph: Sequence[_Field], wanted: set[bytes]) -> list[memoryview]:
    """Choose the fields of a graph: going backwards, a node is needed if one that was met needs what it gives."""
    needed, kept = set(wanted), []
    for field, part, payload in reversed(graph):
        if field == _OUTPUT and not wanted & _names(payload, _NAME):
            continue
        if field == _NODE:
            if not needed & _names(payload, _NODE_OUTPUT):
                continue
            needed |= _names(payload, _NODE_INPUT)
        kept.append(part)
    return kept[::-1]


def _names(message: memoryview, field: int) -> set[bytes]:
    return {bytes(name) for number, _, name in _fields(message) if number == field}


def _fields(message: memoryview) -> Iterator[_Field]:
    """Go through a message: number of each field, its bytes with the tag, and those of its payload alone; no copies."""
    position = 0
    while position < len(message):
        start = position
        tag, position = _read_varint(message, position)
        kind, payload = tag & 7, position
        if kind == _VARINT:
            _, position = _read_varint(message, position)
        elif kind == _BYTES:
            length, payload = _read_varint(message, position)
            position = payload + length
        elif kind in (_FIXED64, _FIXED32):
            position += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"not a protobuf message: wire type {kind} at byte {start}")
        yield tag >> 3, message[start:position], message[payload:position]


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Decode a base-128 number; give it and the position behind it."""
    value, shift = 0, 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
