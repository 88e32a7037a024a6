"""Fitting forests with xgboost and lightgbm: the only module that knows either of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import MissingExtra, UnknownName
from .forest import Forest, Tree, average, float32_at_most, float32_below

MODELS = ("xgboost", "lightgbm", "both")


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosting:
    """How forests are grown; both libraries understand all of it."""

    model: str = "both"
    """``xgboost``, ``lightgbm``, or ``both``: the average of one forest of each."""
    trees: int = 300
    learning_rate: float = 0.05
    leaves: int = 16
    rows_in_leaf: int = 80
    l2: float = 1.0
    row_share: float = 0.7
    column_share: float = 0.7

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise UnknownName.among("model", self.model, MODELS)

    def fit(
        self,
        features: NDArray[np.float32],
        targets: NDArray[np.float64],
        *,
        weights: NDArray[np.float64] | None = None,
        seed: int = 0,
    ) -> Forest:
        """Fit the mean of ``targets`` (n,) given ``features`` (n, f) by least squares.

        Parameters
        ----------
        features : (n, f) float32
            NaN where missing.
        targets : (n,) float64
        weights : (n,) float64, optional
        seed
            Of the row and column samples.
        """
        if self.model == "both":
            halves = [replace(self, model=model) for model in ("xgboost", "lightgbm")]
            return average([half.fit(features, targets, weights=weights, seed=seed) for half in halves])
        fit = _fit_xgboost if self.model == "xgboost" else _fit_lightgbm
        base = float(np.average(targets, weights=weights))
        return fit(self, features, targets - base, weights, seed, base)


def _fit_xgboost(
    options: Boosting,
    features: NDArray[np.float32],
    targets: NDArray[np.float64],
    weights: NDArray[np.float64] | None,
    seed: int,
    base: float,
) -> Forest:
    try:
        import xgboost
    except ImportError as error:
        raise MissingExtra.for_package("xgboost", "fit", "fitting") from error
    settings = {
        "tree_method": "hist",
        "grow_policy": "lossguide",
        "max_depth": 0,
        "max_leaves": options.leaves,
        "learning_rate": options.learning_rate,
        "min_child_weight": options.rows_in_leaf,
        "reg_lambda": options.l2,
        "subsample": options.row_share,
        "colsample_bytree": options.column_share,
        "base_score": 0.0,
        "seed": seed,
        "nthread": 1,
        "verbosity": 0,
    }
    booster = xgboost.train(settings, xgboost.DMatrix(features, targets, weight=weights), options.trees)
    return Forest(trees=[_xgboost_tree(json.loads(text)) for text in booster.get_dump(dump_format="json")], base=base)


def _xgboost_tree(root: Mapping[str, Any]) -> Tree:
    """Renumber one dumped tree, in which "value < split_condition" goes to ``yes``."""
    nodes: list[tuple[int, float, int, int, bool, float]] = []

    def add(node: Mapping[str, Any]) -> int:
        position = len(nodes)
        nodes.append((-1, 0.0, 0, 0, False, float(node.get("leaf", 0.0))))
        if "leaf" not in node:
            by_id = {child["nodeid"]: child for child in node["children"]}
            left, right = add(by_id[node["yes"]]), add(by_id[node["no"]])
            feature, threshold = int(node["split"][1:]), float32_below(node["split_condition"])
            nodes[position] = (feature, threshold, left, right, node["missing"] == node["yes"], 0.0)
        return position

    add(root)
    return _tree(nodes)


def _fit_lightgbm(
    options: Boosting,
    features: NDArray[np.float32],
    targets: NDArray[np.float64],
    weights: NDArray[np.float64] | None,
    seed: int,
    base: float,
) -> Forest:
    try:
        import lightgbm
    except ImportError as error:
        raise MissingExtra.for_package("lightgbm", "fit", "fitting") from error
    settings = {
        "objective": "regression",
        "boost_from_average": False,
        "num_leaves": options.leaves,
        "learning_rate": options.learning_rate,
        "min_data_in_leaf": options.rows_in_leaf,
        "lambda_l2": options.l2,
        "bagging_fraction": options.row_share,
        "bagging_freq": 1,
        "feature_fraction": options.column_share,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    booster = lightgbm.train(settings, lightgbm.Dataset(features, targets, weight=weights), options.trees)
    trees = [_lightgbm_tree(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
    return Forest(trees=trees, base=base)


def _lightgbm_tree(root: Mapping[str, Any]) -> Tree:
    """Renumber one dumped tree, in which "value <= threshold" goes to ``left_child``."""
    nodes: list[tuple[int, float, int, int, bool, float]] = []

    def add(node: Mapping[str, Any]) -> int:
        position = len(nodes)
        nodes.append((-1, 0.0, 0, 0, False, float(node.get("leaf_value", 0.0))))
        if "left_child" in node:
            left, right = add(node["left_child"]), add(node["right_child"])
            # Where training saw no NaN, lightgbm would read one as 0.
            missing = node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0
            threshold = float32_at_most(node["threshold"])
            nodes[position] = (int(node["split_feature"]), threshold, left, right, bool(missing), 0.0)
        return position

    add(root)
    return _tree(nodes)


def _tree(nodes: list[tuple[int, float, int, int, bool, float]]) -> Tree:
    feature, threshold, left, right, missing_left, value = zip(*nodes, strict=True)
    return Tree(
        feature=np.array(feature),
        threshold=np.array(threshold, dtype=np.float32),
        left=np.array(left),
        right=np.array(right),
        missing_left=np.array(missing_left),
        value=np.array(value),
    )
