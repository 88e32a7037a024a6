"""The surrogate file: an ONNX model with everything else as JSON metadata, sealed by its own SHA-256.

One network of Gemm, Relu and Floor has the output ``means``, a column for each head; what no answer depends on are
TreeEnsembles beside it, each with an output of its own. The metadata ``bagbench`` is JSON. The file ends in a protobuf
field that ONNX does not know and readers skip: the SHA-256 of all bytes before it. Nothing in it can be executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..problems.errors import FileProblem, MissingExtra
from ..problems.files import replacing
from .description import KIND, Description
from .features import Features
from .subgraph import read_metadata

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

    from .forest import Forest, Tree
    from .network import Network

MEANS = "means"
"""Name of the network's output."""

_SEAL_TAG = b"\xc2\x3e\x40"  # protobuf: field 1000, length-delimited, 64 bytes
_SEAL = len(_SEAL_TAG) + 64

_SUM, _NONE, _AT_MOST = 1, 0, 0  # of ONNX's TreeEnsemble: how trees add up, what comes after, and "goes left if <="


def write_surrogate(
    path: Path, description: Description, network: Network, others: Mapping[str, Forest] | None = None
) -> None:
    """Write a surrogate file, of a network that answers for all targets; it appears whole or not at all.

    ``others`` are forests that no answer depends on, by the names of their outputs.
    """
    width = Features(description.problem).width
    description = replace(description, has_network=True)
    bare = replace(description, card={}, provenance={}, domain=None, answers_sha256="")
    identity = sha256(to_onnx({}, width, bare.to_json(), network)).hexdigest()
    whole = replace(description, answers_sha256=identity)
    _write(path, to_onnx(others or {}, width, whole.to_json(), network))


def renew_card(path: Path, card: Mapping[str, object]) -> None:
    """Give a surrogate file another quality card; its answers, and their fingerprint, stay as they are.

    Raises
    ------
    FileProblem
        If the file is missing, foreign, truncated or altered.
    MissingExtra
        If onnx is not installed.
    """
    body = read_sealed(path)
    description = Description.from_json(read_metadata(body, "bagbench") or "", path)
    try:
        from onnx import helper, load_model_from_string
    except ImportError as error:
        raise MissingExtra.for_package("onnx", "fit", "writing a surrogate") from error
    proto = load_model_from_string(bytes(body))
    helper.set_model_props(proto, {"bagbench": replace(description, card=card).to_json()})
    _write(path, bytes(proto.SerializeToString(deterministic=True)))


def fingerprint(path: Path) -> str:
    """Give the SHA-256 of all that answers depend on: equal for files that differ in card and provenance only.

    Of a file that does not tell it, from before there was such a thing, it is that of the file.

    Raises
    ------
    FileProblem
        If the file is missing, foreign, truncated or altered.
    """
    description = Description.from_json(read_metadata(read_sealed(path), "bagbench") or "", path)
    return description.answers_sha256 or sha256(path.read_bytes()).hexdigest()


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content + _SEAL_TAG + sha256(content).hexdigest().encode())


def read_sealed(path: Path) -> memoryview:
    """Read the ONNX bytes of a surrogate file, a view of them: megabytes are not copied.

    Raises
    ------
    FileProblem
        If the file is missing, foreign, truncated or altered.
    """
    try:
        content = memoryview(path.read_bytes())
    except OSError as error:
        raise FileProblem(f"cannot read {path}: {error.strerror}; expected a {KIND} file") from error
    body, tag, digest = content[:-_SEAL], content[-_SEAL:-64], content[-64:]
    if tag != _SEAL_TAG:
        what = "is empty" if not content else "is truncated, or no surrogate of bagbench's"
        raise FileProblem(f"{path} {what}: expected a {KIND} file, as `bagbench fit` writes")
    if sha256(body).hexdigest().encode() != digest:
        raise FileProblem(f"{path} was altered after it was written: its sha256 does not match")
    return body


def to_onnx(forests: Mapping[str, Forest], width: int, metadata: str = "", network: Network | None = None) -> bytes:
    """Lay out forests, by the names of their outputs, and a network as one ONNX model of ``width`` features."""
    try:
        from onnx import TensorProto, helper
    except ImportError as error:
        raise MissingExtra.for_package("onnx", "fit", "writing a surrogate") from error
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, width])]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in forests]
    nodes = [_node(forest, name) for name, forest in forests.items()]
    constants: list[TensorProto] = []
    if network is not None:
        outputs.append(helper.make_tensor_value_info(MEANS, TensorProto.FLOAT, [None, len(network.layers[-1].biases)]))
        chain, constants = _chain(network)
        nodes += chain
    proto = helper.make_model(
        helper.make_graph(nodes, "bagbench", inputs, outputs, constants),
        opset_imports=[helper.make_opsetid("ai.onnx.ml", 5), helper.make_opsetid("", 17)],
        ir_version=9,
        producer_name="bagbench",
    )
    helper.set_model_props(proto, {"bagbench": metadata})
    return bytes(proto.SerializeToString(deterministic=True))


def _chain(network: Network) -> tuple[list[NodeProto], list[TensorProto]]:
    """Lay a network out from ``features``, with `network.MISSING` for those that are missing, to `MEANS`."""
    from onnx import helper, numpy_helper

    nodes, constants, rows = [], [], "features"
    for number, layer in enumerate(network.layers):
        names = [f"{what}_{number}" for what in ("weights", "biases", "sums", "positive", "whole")]
        weights, biases, sums, positive, whole = names
        constants += [numpy_helper.from_array(layer.weights, weights), numpy_helper.from_array(layer.biases, biases)]
        if layer is network.layers[-1]:
            nodes.append(helper.make_node("Gemm", [rows, weights, biases], [MEANS]))
            break
        nodes.append(helper.make_node("Gemm", [rows, weights, biases], [sums]))
        nodes.append(helper.make_node("Relu", [sums], [positive]))
        nodes.append(helper.make_node("Floor", [positive], [whole]))
        rows = whole
    return nodes, constants


def _node(forest: Forest, output: str) -> NodeProto:
    """Lay a forest out as ONNX's TreeEnsemble (ai.onnx.ml 5): columns of inner nodes, and a weight for each leaf."""
    from onnx import helper, numpy_helper

    trees = [_branching(tree) for tree in forest.trees]
    roots = np.cumsum([0, *(len(tree.feature) for tree in trees[:-1])])
    feature = np.concatenate([tree.feature for tree in trees])
    inner = feature >= 0
    left = np.concatenate([root + tree.left for root, tree in zip(roots, trees, strict=True)])[inner]
    right = np.concatenate([root + tree.right for root, tree in zip(roots, trees, strict=True)])[inner]
    number = np.where(inner, np.cumsum(inner), np.cumsum(~inner)) - 1  # inner nodes and leaves are counted apart
    thresholds = np.concatenate([tree.threshold for tree in trees])[inner]
    missing_left = np.concatenate([tree.missing_left for tree in trees])[inner]
    values = [tree.value for tree in trees]
    weights = np.concatenate([forest.base + values[0], *values[1:]])[~inner]  # each row meets one leaf of the first
    return helper.make_node(
        "TreeEnsemble",
        ["features"],
        [output],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function=_SUM,
        post_transform=_NONE,
        tree_roots=number[roots].tolist(),
        nodes_featureids=feature[inner].tolist(),
        nodes_modes=numpy_helper.from_array(np.full(len(left), _AT_MOST, dtype=np.uint8)),
        nodes_splits=numpy_helper.from_array(thresholds.astype(np.float32)),
        nodes_truenodeids=number[left].tolist(),
        nodes_falsenodeids=number[right].tolist(),
        nodes_trueleafs=(~inner[left]).astype(int).tolist(),
        nodes_falseleafs=(~inner[right]).astype(int).tolist(),
        nodes_missing_value_tracks_true=missing_left.astype(int).tolist(),
        leaf_targetids=[0] * len(weights),
        leaf_weights=numpy_helper.from_array(weights.astype(np.float32)),
    )


def _branching(tree: Tree) -> Tree:
    """Give a tree that is more than a leaf, as ONNX wants it: one that has only a root gets two leaves that agree."""
    if len(tree.feature) > 1:
        return tree
    return replace(
        tree,
        feature=np.array([0, -1, -1]),
        threshold=np.zeros(3, dtype=np.float32),
        left=np.array([1, 0, 0]),
        right=np.array([2, 0, 0]),
        missing_left=np.zeros(3, dtype=np.bool_),
        value=np.repeat(tree.value, 3),
    )
