"""Forests agree with the libraries that grew them and with the runtime that serves them."""

from __future__ import annotations

import json

import lightgbm
import numpy as np
import pytest
import xgboost

from bagbench.problems.errors import UnknownName
from bagbench.surrogates import boosting
from bagbench.surrogates.boosting import Boosting
from bagbench.surrogates.file import to_onnx
from bagbench.surrogates.forest import Forest, average, float32_at_most, float32_below
from bagbench.surrogates.serving import Served


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    """Rows with missing values, ties and a step right at a feature's values."""
    rng = np.random.default_rng(0)
    features = rng.random((800, 5)).astype(np.float32)
    features[:, 1] = rng.integers(0, 3, 800)
    features[rng.random(800) < 0.3, 2] = np.nan
    targets = features[:, 0] * 3 + (features[:, 1] == 1) + np.nan_to_num(features[:, 2], nan=2.0) * features[:, 3]
    return features, targets.astype(float)


def test_forest_from_lightgbm_predicts_what_lightgbm_predicts(data: tuple[np.ndarray, np.ndarray]) -> None:
    features, targets = data
    settings = {"objective": "regression", "num_leaves": 15, "verbosity": -1, "boost_from_average": False, "seed": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(features, targets), 20)
    trees = [boosting._lightgbm_tree(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
    ours = Forest(trees=trees, base=0.0).predict(features)
    np.testing.assert_allclose(ours, booster.predict(features), rtol=0, atol=1e-12)


def test_forest_from_xgboost_predicts_what_xgboost_predicts(data: tuple[np.ndarray, np.ndarray]) -> None:
    features, targets = data
    booster = xgboost.train({"base_score": 0.0, "max_depth": 5}, xgboost.DMatrix(features, targets), 20)
    trees = [boosting._xgboost_tree(json.loads(text)) for text in booster.get_dump(dump_format="json")]
    ours = Forest(trees=trees, base=0.0).predict(features)
    np.testing.assert_allclose(ours, booster.inplace_predict(features), rtol=0, atol=1e-5)


@pytest.mark.parametrize("model", ["xgboost", "lightgbm", "both"])
def test_fitted_forest_is_served_as_it_predicts(model: str, data: tuple[np.ndarray, np.ndarray]) -> None:
    features, targets = data
    forest = Boosting(model=model, trees=40, rows_in_leaf=5).fit(features, targets)
    reference = forest.predict(features)
    served = Served(to_onnx({"y": forest}, 5), ["y"], 5)
    np.testing.assert_allclose(served.batch(features)[:, 0], reference, rtol=0, atol=1e-4)
    assert np.corrcoef(reference, targets)[0, 1] > 0.95


def test_single_rows_and_batches_of_any_size_agree_to_the_last_bit(data: tuple[np.ndarray, np.ndarray]) -> None:
    features, targets = data
    forests = {"a": Boosting(trees=120).fit(features, targets), "b": Boosting(trees=30).fit(features, targets**2)}
    served = Served(to_onnx(forests, 5), ["b", "a"], 5)
    many = np.tile(features, (4, 1))  # more than one block of rows
    whole = served.batch(many)
    evaluate = served.rows.evaluate
    assert (np.array([evaluate(row.tolist()) for row in features]) == whole[:800]).all()
    for size in (1, 7, 60, 129):
        assert (served.batch(many[:size]) == whole[:size]).all()


def test_average_is_the_mean_of_its_members(data: tuple[np.ndarray, np.ndarray]) -> None:
    features, targets = data
    members = [Boosting(model="lightgbm", trees=5).fit(features, targets, seed=seed) for seed in range(3)]
    mean = np.mean([member.predict(features) for member in members], axis=0)
    np.testing.assert_allclose(average(members).predict(features), mean, rtol=1e-12)


def test_same_seed_same_forest_and_other_seed_another(data: tuple[np.ndarray, np.ndarray]) -> None:
    features, targets = data
    first, again, other = (Boosting(trees=5).fit(features, targets, seed=seed).predict(features) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_weights_move_the_fit_towards_heavy_rows(data: tuple[np.ndarray, np.ndarray]) -> None:
    features, _ = data
    targets = np.where(np.arange(800) % 2, 1.0, 0.0)
    heavy = np.where(targets == 1.0, 9.0, 1.0)
    predicted = Boosting(trees=5).fit(features, targets, weights=heavy).predict(features)
    assert predicted.mean() == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("threshold", [0.1, 1 / 3, -2.7, 0.0, 1e300, 123456.789])
def test_thresholds_split_float32_values_as_the_float64_threshold_does(threshold: float) -> None:
    near = np.float32(np.clip(threshold, -3e38, 3e38))
    values = [near, np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf))]
    for value in values:
        assert (value <= np.float32(float32_at_most(threshold))) == (float(value) <= threshold)
        if abs(threshold) < 3e38:
            assert (value <= np.float32(float32_below(float(near)))) == (value < near)


def test_unknown_model_is_named() -> None:
    with pytest.raises(UnknownName, match="unknown model 'catboost': expected one of both, lightgbm, xgboost"):
        Boosting(model="catboost")
