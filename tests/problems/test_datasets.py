"""Data sets: the split is exact, stratified, and the same for ever."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bagbench.problems.datasets import load_data_set, stratified
from bagbench.problems.errors import UnknownName


def test_digits_are_the_same_for_ever() -> None:
    data = load_data_set("digits")
    assert data.digest == "3d2e39feabc26e0acc6dab42d4b27dab8a8459e158d206e3672b5c54a1fd0536"
    assert [len(split.labels) for split in (data.train, data.validation, data.test)] == [1000, 397, 400]
    assert data.train.images.shape == (1000, 1, 8, 8)
    assert data.train.images.dtype == np.float32
    assert data.train.images.min() == 0.0
    assert data.train.images.max() == 1.0


def test_digits_are_all_there_once_and_every_class_has_its_share_to_within_one_image() -> None:
    data = load_data_set("digits")
    splits = (data.train, data.validation, data.test)
    labels = np.concatenate([split.labels for split in splits])
    for split in splits:
        share = np.bincount(labels) * len(split.labels) / len(labels)
        assert (np.abs(np.bincount(split.labels) - share) < 1).all()
    from sklearn.datasets import load_digits

    original = load_digits()
    pixels = np.concatenate([split.images.reshape(len(split.labels), -1) for split in splits])
    ours = sorted(map(tuple, np.column_stack([pixels * 16.0, labels]).tolist()))
    assert ours == sorted(map(tuple, np.column_stack([original.data, original.target]).tolist()))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    labels=st.lists(st.integers(0, 4), min_size=3, max_size=120),
    cuts=st.tuples(st.floats(0.05, 0.9), st.floats(0.05, 0.9)),
)
def test_every_split_is_exact_and_stratified_and_every_index_is_dealt_once(
    labels: list[int], cuts: tuple[float, float]
) -> None:
    n = len(labels)
    first = max(1, min(n - 2, int(cuts[0] * n)))
    second = max(1, min(n - first - 1, int(cuts[1] * (n - first))))
    sizes = (first, second, n - first - second)
    parts = stratified(np.array(labels, dtype=np.int64), sizes)
    assert tuple(map(len, parts)) == sizes
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    assert all((np.diff(part) > 0).all() for part in parts)
    for label in set(labels):
        for part in parts:
            share = labels.count(label) * len(part) / n
            assert abs(np.count_nonzero(np.array(labels)[part] == label) - share) < 2


def test_unknown_data_set_is_refused() -> None:
    with pytest.raises(
        UnknownName, match=r"^unknown data set 'digit': expected one of digits.*; did you mean 'digits'\?$"
    ):
        load_data_set("digit")
