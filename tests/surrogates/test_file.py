"""Surrogate files: cut down faithfully, standard ONNX to others, refused when damaged."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import pytest

from bagbench.problems.errors import FileProblem
from bagbench.surrogates.benchmark import SurrogateBenchmark
from bagbench.surrogates.description import Description
from bagbench.surrogates.file import fingerprint, read_sealed, renew_card, to_onnx, write_surrogate
from bagbench.surrogates.forest import Forest, Tree
from bagbench.surrogates.network import Layer, Network
from bagbench.surrogates.serving import Served
from bagbench.surrogates.subgraph import keep_outputs, read_metadata

GOLDEN = Path(__file__).parents[1] / "golden"


def stump(value: float) -> Forest:
    tree = Tree(
        feature=np.array([1, -1, -1]),
        threshold=np.array([0.5, 0, 0], dtype=np.float32),
        left=np.array([1, 0, 0]),
        right=np.array([2, 0, 0]),
        missing_left=np.array([True, False, False]),
        value=np.array([0.0, value, -value]),
    )
    return Forest(trees=[tree], base=10.0)


def network(heads: int) -> Network:
    """Make one that says 1, 2, ... whatever it is asked."""
    weights = np.zeros((15, heads), dtype=np.float32)
    return Network(layers=[Layer(weights=weights, biases=np.arange(1, heads + 1, dtype=np.float32))])


def test_cut_model_is_valid_onnx_with_just_the_outputs_kept() -> None:
    model = to_onnx({"a": stump(1), "b": stump(2), "c": stump(3)}, 2, "some text")
    cut = onnx.load_model_from_string(keep_outputs(model, ["c", "a"]))
    onnx.checker.check_model(cut)
    assert [output.name for output in cut.graph.output] == ["a", "c"]
    assert [node.output[0] for node in cut.graph.node] == ["a", "c"]
    whole = onnx.load_model_from_string(model)
    assert cut.graph.node[1] == whole.graph.node[2]
    assert cut.metadata_props == whole.metadata_props


def test_tree_without_branches_adds_its_leaf_to_every_row() -> None:
    root = Tree(
        feature=np.array([-1]),
        threshold=np.zeros(1, dtype=np.float32),
        left=np.zeros(1, dtype=np.int64),
        right=np.zeros(1, dtype=np.int64),
        missing_left=np.zeros(1, dtype=np.bool_),
        value=np.array([4.0]),
    )
    (tree,) = stump(1).trees
    forests = {"alone": Forest(trees=[root], base=2.0), "first": Forest(trees=[root, tree, root], base=2.0)}
    rows = np.array([[0, 0], [0, 1], [np.nan, np.nan]], dtype=np.float32)
    served = Served(to_onnx(forests, 2), list(forests), 2).batch(rows)
    np.testing.assert_array_equal(served, [[6, 11], [6, 9], [6, 11]])
    onnx.checker.check_model(onnx.load_model_from_string(to_onnx(forests, 2)))


def test_metadata_is_found_as_onnx_finds_it() -> None:
    model = to_onnx({"a": stump(1)}, 2, "Zürich\n" * 100)
    assert read_metadata(model, "bagbench") == onnx.load_model_from_string(model).metadata_props[0].value
    assert read_metadata(model, "other") is None


def test_sealed_file_is_standard_onnx_to_others(file: Path) -> None:
    model = onnx.load(str(file))
    onnx.checker.check_model(model)
    assert {output.name for output in model.graph.output} == {
        "doubt",
        "means",
    }


def test_flipped_bits_are_refused_wherever_they_are(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    rng = np.random.default_rng(0)
    for position in [0, len(content) - 1, *rng.integers(0, len(content), 60)]:
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(rng.integers(8))
        path = tmp_path / "damaged.onnx"
        path.write_bytes(damaged)
        with pytest.raises(FileProblem, match="altered|truncated"):
            read_sealed(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_truncated_or_empty_file_is_refused(share: float, file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    path = tmp_path / "short.onnx"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FileProblem, match="is empty" if share == 0 else "is truncated"):
        SurrogateBenchmark(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match="cannot read .*nowhere.onnx: No such file"):
        SurrogateBenchmark(tmp_path / "nowhere.onnx")


def test_somebody_elses_onnx_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.onnx"
    path.write_bytes(to_onnx({"a": stump(1)}, 2))
    with pytest.raises(FileProblem, match="no surrogate of bagbench's"):
        SurrogateBenchmark(path)


def test_renewed_card_is_the_only_change(file: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(file, tmp_path / "own.onnx"))
    card = SurrogateBenchmark(path).card
    renew_card(path, {**card, "more": [1, 2.5]})
    assert SurrogateBenchmark(path).card == {**card, "more": [1, 2.5]}
    assert fingerprint(path) == fingerprint(file)
    renew_card(path, card)
    assert path.read_bytes() == file.read_bytes()


def test_fingerprint_is_another_where_answers_are(file: Path, tmp_path: Path) -> None:
    description = Description.from_json(read_metadata(read_sealed(file), "bagbench") or "", file)
    answers = network(len(description.targets))
    prints = []
    for name, changed in (("a", description), ("b", replace(description, profile=2 * description.profile))):
        write_surrogate(tmp_path / name, changed, answers)
        prints.append(fingerprint(tmp_path / name))
    write_surrogate(tmp_path / "c", replace(description, card={}, provenance={"by": "somebody else"}), answers)
    assert fingerprint(tmp_path / "c") == prints[0]
    assert len({*prints, fingerprint(file)}) == 3
    assert sha256((tmp_path / "c").read_bytes()).hexdigest() != prints[0]


@pytest.mark.parametrize(("version", "trees"), [("v2", "TreeEnsembleRegressor"), ("v3", "TreeEnsemble")])
def test_a_file_of_an_older_version_answers_as_it_did(version: str, trees: str) -> None:
    """Made by bagbench when a forest answered for each head, and its answers with it."""
    path = GOLDEN / f"surrogate-{version}.onnx"
    assert {node.op_type for node in onnx.load(str(path)).graph.node} == {trees}
    benchmark = SurrogateBenchmark(path, noise="sample")
    for then in json.loads(path.with_suffix(".json").read_text()):
        outcome = benchmark.query(then["config"], epochs=then["epochs"], seed=then["seed"])
        np.testing.assert_allclose(outcome.losses, then["losses"], rtol=1e-6)
        assert outcome.seconds == pytest.approx(then["seconds"], rel=1e-6)
    assert not benchmark.knows_its_domain
