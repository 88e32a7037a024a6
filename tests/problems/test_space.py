"""Spaces against ConfigSpace itself: the same vectors, the same activity, the same legality, the same distributions."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bagbench.problems import get_problem
from bagbench.problems.codec import _key
from bagbench.problems.errors import InvalidConfiguration, UnknownName
from bagbench.problems.space import Space, Vector

ConfigSpace = pytest.importorskip("ConfigSpace")

Document = dict[str, Any]


# --- random spaces ---------------------------------------------------------------------------------------------------


@st.composite
def parameters(draw: Callable[[st.SearchStrategy[Any]], Any], name: str) -> Document:
    kind = draw(st.sampled_from(["uniform_float", "uniform_int", "categorical", "ordinal", "constant"]))
    if kind == "uniform_float":
        lower = draw(st.floats(0.1, 10.0))  # ConfigSpace rounds values to some 13 decimals
        upper = lower * draw(st.floats(1.5, 1e4))
        return {"type": kind, "name": name, "lower": lower, "upper": upper, "log": draw(st.booleans())}
    if kind == "uniform_int":
        lower = draw(st.integers(1, 20))
        upper = lower + draw(st.integers(1, 300))
        return {"type": kind, "name": name, "lower": lower, "upper": upper, "log": draw(st.booleans())}
    choices = draw(
        st.one_of(
            st.lists(st.integers(-5, 5), min_size=2, max_size=4, unique=True),
            st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=2, max_size=4, unique=True),
            st.just([False, True]),
        )
    )
    if kind == "categorical":
        weights = draw(st.none() | st.lists(st.integers(1, 5), min_size=len(choices), max_size=len(choices)))
        return {"type": kind, "name": name, "choices": choices, "weights": weights}
    if kind == "ordinal":
        return {"type": kind, "name": name, "sequence": choices, "default_value": choices[-1]}
    return {"type": kind, "name": name, "value": "the only one"}  # ConfigSpace gives False and 0 other numbers


def values_of(item: Document) -> list[Any]:
    """List some legal values of a parameter, in order where it has one."""
    if item["type"] == "uniform_int":
        return sorted({item["lower"], item["upper"], (item["lower"] + item["upper"]) // 2})
    return list(item.get("choices") or item.get("sequence") or [item.get("value")])


@st.composite
def clauses(
    draw: Callable[[st.SearchStrategy[Any]], Any], parents: list[Document], child: str, free: set[str]
) -> Document:
    parent = draw(st.sampled_from(parents))
    values = values_of(parent)
    # ConfigSpace is of two minds about a parent that is inactive and thus not equal to anything.
    kinds = ["EQ", "IN"] + (["NEQ"] if len(values) > 1 and parent["name"] in free else [])
    kinds += (
        ["LT", "GT"] if parent["type"] == "ordinal" or (parent["type"] == "uniform_int" and len(values) > 2) else []
    )
    kind = draw(st.sampled_from(kinds))
    clause = {"type": kind, "child": child, "parent": parent["name"]}
    if kind == "IN":
        return {**clause, "values": draw(st.lists(st.sampled_from(values), min_size=1, unique=True))}
    if kind in ("LT", "GT"):
        return {**clause, "value": draw(st.sampled_from(values[1:] if kind == "LT" else values[:-1]))}
    return {**clause, "value": draw(st.sampled_from(values))}


@st.composite
def documents(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Document:
    """Draw a space of up to seven parameters in which later ones may depend on earlier ones, and those on others."""
    items = [draw(parameters(f"p{i}")) for i in range(draw(st.integers(1, 7)))]
    conditions: list[Document] = []
    for i, item in enumerate(items):
        parents = [parent for parent in items[:i] if parent["type"] != "uniform_float"]
        free = {item["name"] for item in items} - {condition["child"] for condition in conditions}
        parts = draw(st.integers(0, 3)) if parents else 0
        listed = [draw(clauses(parents, item["name"], free)) for _ in range(parts)]
        listed = [
            clause for k, clause in enumerate(listed) if clause["parent"] not in [c["parent"] for c in listed[:k]]
        ]
        if len(listed) == 1:
            conditions.append(listed[0])
        elif listed:
            kind = draw(st.sampled_from(["AND", "OR"]))
            conditions.append({"type": kind, "child": item["name"], "conditions": listed})
    return {
        "name": "drawn",
        "hyperparameters": items,
        "conditions": conditions,
        "forbiddens": [],
        "python_module_version": "1.2.0",
        "format_version": 0.4,
    }


def oracle_and_space(document: Document) -> tuple[Any, Space]:
    """Let ConfigSpace bring the parameters into its own order first, as its JSON always is."""
    for item in document["hyperparameters"]:
        if "default_value" not in item and item["type"] in ("uniform_float", "uniform_int"):
            item["default_value"] = item["lower"]
        elif "default_value" not in item and item["type"] == "categorical":
            item["default_value"] = item["choices"][0]
    theirs = ConfigSpace.ConfigurationSpace.from_serialized_dict(json.loads(json.dumps(document)))
    written = theirs.to_serialized_dict()
    return theirs, Space.from_document(json.loads(json.dumps(written)))


def their_vector(sample: Any, ours: Space) -> Vector:
    """Give ConfigSpace's vector, with the number of an active constant as ours: its choice index 0, instead of 1."""
    vector = np.array(sample.get_array())
    constants = [i for i, parameter in enumerate(ours.parameters) if parameter.size == 1]
    vector[constants] -= 1.0
    return vector


every_space = settings(max_examples=60, deadline=None, derandomize=True)


@every_space
@given(document=documents(), seed=st.integers(0, 1000))
def test_their_samples_are_our_vectors(document: Document, seed: int) -> None:
    theirs, ours = oracle_and_space(document)
    theirs.seed(seed)
    assert ours.names == tuple(theirs)
    for sample in theirs.sample_configuration(20):
        config = dict(sample)
        try:
            sample.check_valid_configuration()
        except ConfigSpace.exceptions.InactiveHyperparameterSetError:  # drawn where a parent has a condition itself
            with pytest.raises(InvalidConfiguration, match="is inactive here"):
                ours.encode(config)
            continue
        vector = ours.encode(config)
        expected = their_vector(sample, ours)
        np.testing.assert_allclose(vector, expected, rtol=0, atol=1e-9)
        np.testing.assert_array_equal(ours.active(vector[None])[0], ~np.isnan(vector))
        ours.check(expected[None])
        for name, value in ours.decode(vector).items():
            assert value == pytest.approx(config[name], rel=1e-9) if isinstance(value, float) else value == config[name]


@every_space
@given(document=documents(), seed=st.integers(0, 1000))
def test_our_samples_are_legal_for_them(document: Document, seed: int) -> None:
    theirs, ours = oracle_and_space(document)
    for vector in ours.sample(np.random.default_rng(seed), 20):
        sample = ConfigSpace.Configuration(theirs, values=ours.decode(vector))  # raises where illegal
        np.testing.assert_allclose(their_vector(sample, ours), vector, rtol=0, atol=1e-9)


@every_space
@given(document=documents(), seed=st.integers(0, 1000))
def test_laws_hold_in_any_space(document: Document, seed: int) -> None:
    space = oracle_and_space(document)[1]
    rng = np.random.default_rng(seed)
    vectors = space.sample(rng, 30)
    assert Space.from_json(space.document) == space
    np.testing.assert_array_equal(space.snap(space.snap(vectors)), space.snap(vectors))
    np.testing.assert_allclose(space.snap(vectors), vectors, rtol=0, atol=1e-12)
    digests = space.digests(vectors)
    for vector, digest in zip(vectors, digests, strict=True):
        config = space.decode(vector)
        again = space.encode(config)
        np.testing.assert_allclose(again, vector, rtol=0, atol=1e-12)
        assert space.digest(config) == space.digest(vector) == digest
        np.testing.assert_array_equal(space.vector(vector), vector)
        natural = space.natural(vector[None])
        assert all(natural[name][0] == 0 for name in space.names if name not in config)
    wild = rng.uniform(-0.5, 1.5, size=(30, len(space))) * np.array(
        [max(1.0, p.size if p.size < 9 else 1) for p in space.parameters]
    )
    wild[rng.random(wild.shape) < 0.2] = np.nan
    space.check(space.snap(wild))
    for neighbour in space.neighbours(vectors[0], rng, 20):
        space.check(neighbour[None])
    for vector, other in zip(vectors, space.sample_all(rng, 30), strict=True):
        changed = np.where(np.isnan(vector) | (rng.random(len(space)) < 0.7), vector, other)
        before = changed.tolist()
        row = space.settle_row(before, lambda i: space.parameters[i].encode(space.parameters[i].default))
        np.testing.assert_allclose(row, space.snap(changed[None])[0], rtol=0, atol=1e-12)
        np.testing.assert_array_equal(before, changed)


# --- distributions ---------------------------------------------------------------------------------------------------


def test_samples_are_distributed_as_theirs() -> None:
    """Kolmogorov and Smirnov's two-sample test, parameter by parameter, with the same number of samples of each."""
    from scipy.stats import ks_2samp

    space = Space.from_document(
        {
            "name": "all kinds",
            "hyperparameters": [
                {"type": "uniform_float", "name": "f", "lower": -1.0, "upper": 2.0, "default_value": 0.0, "log": False},
                {"type": "uniform_float", "name": "g", "lower": 1e-5, "upper": 1.0, "default_value": 0.1, "log": True},
                {"type": "uniform_int", "name": "i", "lower": 1, "upper": 9, "default_value": 3, "log": False},
                {"type": "uniform_int", "name": "j", "lower": 4, "upper": 128, "default_value": 8, "log": True},
                {
                    "type": "categorical",
                    "name": "c",
                    "choices": ["x", "y", "z"],
                    "weights": [1, 2, 5],
                    "default_value": "x",
                },
                {"type": "ordinal", "name": "o", "sequence": ["s", "m", "l"], "default_value": "s"},
            ],
            "conditions": [],
            "forbiddens": [],
            "python_module_version": "1.2.0",
            "format_version": 0.4,
        }
    )
    theirs = space.configspace()
    theirs.seed(0)
    samples = np.array([sample.get_array() for sample in theirs.sample_configuration(20_000)])
    ours = space.sample(np.random.default_rng(0), 20_000)
    for name in space.names:
        column, their_column = ours[:, space.index[name]], samples[:, list(theirs).index(name)]
        assert ks_2samp(column, their_column).pvalue > 1e-3, name


def test_longer_sample_begins_with_the_shorter_one() -> None:
    space = get_problem("digits").space
    long = space.sample(np.random.default_rng(0), 600)
    for n in (0, 1, 255, 256, 257):
        np.testing.assert_array_equal(space.sample(np.random.default_rng(0), n), long[:n])


# --- digests ---------------------------------------------------------------------------------------------------------


def test_digests_are_the_same_for_ever() -> None:
    space = get_problem("digits").space
    assert space.digests(space.sample(np.random.default_rng(0), 3)) == [
        "93d3acd5de40ac17",
        "8ee172a0513e8182",
        "4310e3176b7b7758",
    ]
    config = {
        "batch_norm": True,
        "batch_size": 64,
        "global_avg_pooling": False,
        "kernel_size": 3,
        "lr_init": 1e-3,
        "n_conv_l": 2,
        "n_conv_0": 16,
        "n_conv_1": 32,
        "n_fc_l": 1,
        "n_fc_0": 10,
    }
    assert space.digest(config) == "82311d315624f4df"
    assert space.digest(dict(reversed(config.items()))) == "82311d315624f4df"
    same: Document = {**config, "batch_size": np.int64(64), "batch_norm": np.True_, "kernel_size": 3.0}
    assert space.digest(same) == "82311d315624f4df"
    assert space.digest({**config, "lr_init": 1e-3 * (1 + 1e-14)}) == "82311d315624f4df"
    assert space.digest({**config, "lr_init": 1.001e-3}) != "82311d315624f4df"


# --- neighbours ------------------------------------------------------------------------------------------------------


def test_neighbour_differs_in_one_active_parameter_and_what_depends_on_it() -> None:
    space = get_problem("digits").space
    rng = np.random.default_rng(0)
    for vector in space.sample(rng, 20):
        for neighbour in space.neighbours(vector, rng, 20):
            space.check(neighbour[None])
            both = ~np.isnan(vector) & ~np.isnan(neighbour)
            assert (vector[both] != neighbour[both]).sum() == 1
            assert space.digest(vector) != space.digest(neighbour)


def test_neighbours_are_near_and_go_both_ways() -> None:
    space = get_problem("digits").space
    vector = space.snap(np.full((1, len(space)), 0.5))[0]
    near = space.neighbours(vector, np.random.default_rng(0), 4000, scale=0.05)
    column = near[:, space.index["lr_init"]]
    moved = column[column != vector[space.index["lr_init"]]] - 0.5
    assert abs(moved).max() < 0.25
    np.testing.assert_allclose([moved.mean(), moved.std()], [0.0, 0.05], atol=0.01)


def test_space_of_constants_is_its_own_neighbour() -> None:
    space = Space.from_document({"hyperparameters": [{"type": "constant", "name": "c", "value": 1}]})
    np.testing.assert_array_equal(space.neighbours(np.zeros(1), np.random.default_rng(0), 3), np.zeros((3, 1)))


# --- vectors ---------------------------------------------------------------------------------------------------------


def test_scalar_path_equals_array_path_bit_for_bit() -> None:
    problem = get_problem("digits")
    space = problem.space
    vectors = space.sample(np.random.default_rng(0), 500)
    configs = [space.decode(vector) for vector in vectors]
    integers = [i for i, parameter in enumerate(space.parameters) if parameter.size < math.inf]
    encoded = np.array([space.encode(config) for config in configs])
    np.testing.assert_array_equal(encoded[:, integers], vectors[:, integers])
    natural = space.natural(encoded)
    for name in set(space.names) - {"lr_init"}:
        np.testing.assert_array_equal([config.get(name, 0) for config in configs], natural[name])
    for function in problem.known.values():
        np.testing.assert_array_equal([function.one(config) for config in configs], function(natural))


def test_snap_moves_to_the_nearest_grid_point() -> None:
    space = Space.from_document({"hyperparameters": [{"type": "uniform_int", "name": "i", "lower": 0, "upper": 4}]})
    snapped = space.snap(np.array([[-3.0], [0.1], [0.13], [0.49], [2.0], [np.nan]]))
    np.testing.assert_array_equal(snapped[:, 0], [0.0, 0.0, 0.25, 0.5, 1.0, 0.5])


def test_space_is_rebuilt_from_its_document_wherever_it_is_copied_to() -> None:
    space = get_problem("digits").space
    again = copy.deepcopy(space)  # by `__reduce__`, as other processes get it
    assert again == space and again is not space
    assert hash(again) == hash(space)


# --- errors ----------------------------------------------------------------------------------------------------------

PLAIN_CONFIG = {
    "batch_norm": True,
    "batch_size": 64,
    "global_avg_pooling": False,
    "kernel_size": 3,
    "lr_init": 1e-3,
    "n_conv_l": 1,
    "n_conv_0": 16,
    "n_fc_l": 1,
    "n_fc_0": 10,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 300}, r"^hyperparameter 'batch_size' is 300: expected an integer in \[4, 256\] \(log scale\)$"),
        ({"batch_size": 7.5}, r"^hyperparameter 'batch_size' is 7.5: expected an integer in"),
        ({"batch_size": "64"}, r"^hyperparameter 'batch_size' is '64': expected an integer in"),
        ({"batch_size": [64]}, r"^hyperparameter 'batch_size' is \[64\]: expected an integer in"),
        ({"lr_init": 2}, r"^hyperparameter 'lr_init' is 2: expected a number in \[1e-05, 1\] \(log scale\)$"),
        ({"lr_init": float("nan")}, "^hyperparameter 'lr_init' is nan: expected a number"),
        ({"lr_init": None}, "^hyperparameter 'lr_init' is None: expected a number"),
        ({"kernel_size": 4}, "^hyperparameter 'kernel_size' is 4: expected one of 3, 5, 7$"),
        (
            {"n_conv_1": 8},
            r"^hyperparameter 'n_conv_1' is inactive here \(it needs n_conv_l in \{2, 3\}\): leave it out$",
        ),
        (
            {"n_conv_l": 2},
            r"^hyperparameter 'n_conv_1' is missing \(active because n_conv_l in \{2, 3\}\): expected an int",
        ),
    ],
)
def test_illegal_configuration_is_explained(change: Document, message: str) -> None:
    with pytest.raises(InvalidConfiguration, match=message):
        get_problem("digits").space.encode({**PLAIN_CONFIG, **change})


def test_missing_unknown_and_foreign_are_explained() -> None:
    space = get_problem("digits").space
    with pytest.raises(
        InvalidConfiguration, match="^hyperparameter 'batch_norm' is missing: expected one of False, True$"
    ):
        space.encode({})
    with pytest.raises(
        UnknownName, match=r"^unknown hyperparameter 'lr': expected one of .*; did you mean 'lr_init'\?$"
    ):
        space.encode({**PLAIN_CONFIG, "lr": 1.0})
    with pytest.raises(
        InvalidConfiguration,
        match="^a configuration is a dict of natural values or a numpy vector of 13 numbers, got list$",
    ):
        space.vector([0.5] * 13)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("entry", "value", "expected"),
    [
        (0, 0.5, "one of False, True"),
        (1, 0.51, r"an integer in \[4, 256\] \(log scale\)"),
        (4, 1.5, r"a number in \[1e-05, 1\] \(log scale\)"),
        (4, np.nan, "a number"),
        (4, np.inf, "a number"),
        (9, 0.51, "an integer"),
    ],
)
def test_illegal_vector_is_explained(entry: int, value: float, expected: str) -> None:
    space = get_problem("digits").space
    vector = space.encode(PLAIN_CONFIG)
    vector[entry] = value
    message = (
        rf"^vector 0, entry {entry} \('{space.names[entry]}'\) is {value}: expected {expected}.*Space.snap\(\) gives"
    )
    for refuse in (lambda: space.vector(vector), lambda: space.check(vector[None]), lambda: space.digest(vector)):
        with pytest.raises(InvalidConfiguration, match=message):
            refuse()


def test_matrix_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(InvalidConfiguration, match=r"^vectors of space 'digits' have 13 entries, got shape \(2, 12\)$"):
        get_problem("digits").space.check(np.zeros((2, 12)))


NUMBER = {"type": "uniform_float", "name": "x", "lower": 0.0, "upper": 1.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"^search space: not a JSON document \("),
        ("{}", "^search space: expected a ConfigSpace document with a list 'hyperparameters'$"),
        ("[]", "^search space: expected a ConfigSpace document with a list 'hyperparameters'$"),
        ('{"hyperparameters": []}', "^search space: expected a ConfigSpace document with a list"),
        ('{"hyperparameters": [3]}', "^search space: expected a hyperparameter, got 3$"),
        (
            '{"hyperparameters": [{"type": "normal_float", "name": "n"}]}',
            "^search space: hyperparameter 'n' is of kind 'normal_float': expected uniform_float, uniform_int, ",
        ),
    ],
)
def test_text_that_is_no_space_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidConfiguration, match=message):
        Space.from_json(text)


@pytest.mark.parametrize(
    "item",
    [
        {**NUMBER, "lower": 2.0},
        {**NUMBER, "upper": math.inf},
        {**NUMBER, "upper": math.nan},
        {**NUMBER, "log": True},
        {**NUMBER, "upper": "many"},
        {**NUMBER, "default_value": 3.0},
        {"type": "uniform_float", "name": "x"},
        {"type": "uniform_int", "name": "x", "lower": 0.5, "upper": 3},
        {"type": "uniform_int", "name": "x", "lower": 0, "upper": 2**53 + 2},
        {"type": "categorical", "name": "x", "choices": []},
        {"type": "categorical", "name": "x", "choices": [1, True]},
        {"type": "categorical", "name": "x", "choices": ["a", "b"], "default_value": "c"},
        {"type": "categorical", "name": "x", "choices": ["a", "b"], "weights": [1.0]},
        {"type": "categorical", "name": "x", "choices": ["a", "b"], "weights": [0.0, 0.0]},
        {"type": "categorical", "name": "x", "choices": ["a", "b"], "weights": [2.0, -1.0]},
        {"type": "constant", "name": "x"},
    ],
)
def test_malformed_parameter_is_refused(item: Document) -> None:
    with pytest.raises(InvalidConfiguration, match=r"^search space: hyperparameter 'x' is malformed \("):
        Space.from_document({"hyperparameters": [item]})


def test_spaces_that_cannot_be_are_refused() -> None:
    def space(*conditions: Document, **more: object) -> Space:
        items = [{"type": "ordinal", "name": name, "sequence": [0, 1, 2], "default_value": 0} for name in "ab"]
        return Space.from_document({"name": "s", "hyperparameters": items, "conditions": list(conditions), **more})

    with pytest.raises(InvalidConfiguration, match="^search space: two parameters have the same name$"):
        Space.from_document({"hyperparameters": [NUMBER, NUMBER]})
    with pytest.raises(
        InvalidConfiguration, match="^search space: forbidden clauses are not supported; state them as cond"
    ):
        space(forbiddens=[{"type": "AND"}])
    with pytest.raises(InvalidConfiguration, match="^search space: 'conditions' must be a list$"):
        space(conditions=3)
    for clause in (
        {"type": "EQ", "child": "a", "parent": "c", "value": 1},
        {"type": "EQ", "child": "c", "parent": "a", "value": 1},
        {"type": "EQ", "child": "a", "parent": "b", "value": 7},
        {"type": "XOR", "child": "a", "parent": "b", "value": 1},
        {"type": "IN", "child": "a", "parent": "b"},
        {"type": "AND", "child": "a", "conditions": [{"type": "LIKE", "parent": "b", "value": 1}]},
    ):
        with pytest.raises(InvalidConfiguration, match=r"^search space: condition \{.*\} is malformed \("):
            space(clause)
    one, other = ({"type": "EQ", "child": c, "parent": p, "value": 1} for c, p in ("ab", "ba"))
    with pytest.raises(InvalidConfiguration, match="^search space 's': its conditions form a cycle$"):
        space(one, other).sample(np.random.default_rng(0), 1)


def test_an_illegal_configuration_leaves_no_trace() -> None:
    """What is found out of one configuration is kept for others that agree in small choices."""
    space = Space.from_json(get_problem("digits").space.document)  # one that has met nothing
    depth = space.index["n_conv_l"]
    mistakes: list[Document] = [{"n_conv_l": 4}, {"n_conv_l": math.nan}, {"lr_init": 2.0}, {"n_conv_l": [1]}]
    for vector in space.sample(np.random.default_rng(0), 50):
        config = space.decode(vector)
        for wrong in mistakes:
            with pytest.raises(InvalidConfiguration):
                space.encode({**config, **wrong})
        np.testing.assert_allclose(space.encode(config), vector, rtol=0, atol=1e-12)
        for number in (0.25, math.nan, 7.0):
            row = vector.tolist()
            row[depth] = number
            with pytest.raises(InvalidConfiguration):
                space.decode_row(row)
        assert space.decode_row(vector.tolist()) == config


def test_many_small_choices_are_no_burden() -> None:
    """More combinations than can be remembered: some choices are looked at every time."""
    items = [{"type": "categorical", "name": f"c{i:02}", "choices": ["a", "b", "c"]} for i in range(40)]
    space = Space.from_document({"hyperparameters": items})
    vectors = space.sample(np.random.default_rng(0), 100)
    for vector in vectors:
        assert space.decode_row(vector.tolist()) == space.decode(vector)
        np.testing.assert_array_equal(space.encode(space.decode(vector)), vector)
    assert len(_key(space.parameters, space.conditions)) == 7  # 3 ** 7 combinations: 2,187
