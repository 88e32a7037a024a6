"""The encoding that models see: every parameter has its place, whatever is active."""

from __future__ import annotations

import numpy as np
import pytest

from bagbench.optimizers.encoding import activity_flags, unit_cube
from bagbench.optimizers.synthetic import networks, single
from bagbench.problems import get_problem
from bagbench.problems.families import paper_space
from bagbench.problems.parameters import Value
from bagbench.problems.space import Space

DIGITS = get_problem("digits").space
SHALLOW: dict[str, Value] = {"n_conv_l": 1, "n_conv_0": 4, "n_fc_l": 1, "n_fc_0": 256, "kernel_size": 3}
SHALLOW |= {"lr_init": 1.0, "batch_norm": True, "batch_size": 4, "global_avg_pooling": False}
DEEP: dict[str, Value] = {**SHALLOW, "n_conv_l": 3, "n_conv_1": 128, "n_conv_2": 4, "n_fc_l": 2, "n_fc_1": 4}


def encode(space: Space, config: dict[str, Value]) -> list[float]:
    (entries,) = unit_cube(space, space.encode(config)[None])
    return [float(entry) for entry in entries]


def test_entries_of_digits_written_by_hand() -> None:
    # batch_norm, batch_size, pooling, kernel (one-hot), lr, conv_0, conv_l, fc_0, fc_l, conv_1, conv_2, fc_1, fc_2
    assert encode(DIGITS, SHALLOW) == [1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0.5, 0.5, 0.5, 0.5]
    assert encode(DIGITS, DEEP) == [1, 0, 0, 1, 0, 0, 1, 0, 1, 1, 0.5, 1, 0, 0, 0.5]


def test_one_layer_and_one_image_a_batch_are_not_mistaken_for_true() -> None:
    """The published code encodes every value equal to 1 as True, that is as the largest."""
    for name in ("n_conv_l", "n_fc_l"):
        values = [unit_cube(DIGITS, DIGITS.encode(config)[None])[0] for config in (SHALLOW, DEEP)]
        position = {"n_conv_l": 8, "n_fc_l": 10}[name]
        assert values[0][position] == 0 < values[1][position]
    published = paper_space("flowers", widths=(16, 1024), neurons=(2, 512), batch_sizes=(1, 512))
    config = {**SHALLOW, "batch_size": 1, "n_conv_0": 16}
    assert encode(published, config)[1] == 0


@pytest.mark.parametrize("space", [DIGITS, networks().problem.space], ids=["digits", "networks"])
def test_no_column_shifts_with_inactivity(space: Space) -> None:
    """Whatever else is active, equal numbers have equal entries; the published code moves columns about."""
    rng = np.random.default_rng(0)
    vectors = space.sample(rng, 400)
    features = unit_cube(space, vectors)
    assert features.min() >= 0
    assert features.max() <= 1
    for i, parameter in enumerate(space.parameters):
        changed = vectors.copy()
        changed[:, i] = np.where(np.isnan(vectors[:, i]), np.nan, parameter.from_unit(rng.random(400)))
        moved = (unit_cube(space, changed) != features).any(axis=0)
        others = [np.nanmax(np.abs(vectors - changed)[:, j], initial=0) for j in range(len(space)) if j != i]
        assert max(others) == 0
        width = 3 if parameter.size == 3 and str(parameter) in ("one of 3, 5, 7", "one of adam, sgd, rmsprop") else 1
        assert moved.sum() == (0 if parameter.size == 1 else width)


def test_logarithms_are_taken() -> None:
    features = unit_cube(DIGITS, np.array([DIGITS.encode({**SHALLOW, "lr_init": 10.0**-k}) for k in range(6)]))
    assert features[:, 6] == pytest.approx([1, 0.8, 0.6, 0.4, 0.2, 0])


def test_inactive_parameters_are_the_same_constant_for_all() -> None:
    vectors = DIGITS.sample(np.random.default_rng(0), 300)
    features = unit_cube(DIGITS, vectors)
    for column, name in zip((11, 12, 13, 14), ("n_conv_1", "n_conv_2", "n_fc_1", "n_fc_2"), strict=True):
        inactive = np.isnan(vectors[:, DIGITS.index[name]])
        assert inactive.any()
        assert (features[inactive, column] == 0.5).all()


def test_activity_flags_are_of_the_conditional_parameters_alone() -> None:
    vectors = np.array([DIGITS.encode(SHALLOW), DIGITS.encode(DEEP)])
    assert activity_flags(DIGITS, vectors).tolist() == [[0, 0, 0, 0], [1, 1, 1, 0]]


def test_a_space_of_constants_has_no_entries() -> None:
    space = single().problem.space
    assert unit_cube(space, space.sample(np.random.default_rng(0), 3)).shape == (3, 0)
