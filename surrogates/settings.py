"""Settings: the numbers of a recipe that can be tuned, each with the range to search, and the way back to a recipe.

Ranges are multiples of what the recipe says, so that its own values are always among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..problems.errors import InvalidArgument
from .training import Recipe

Values = Mapping[str, int | float]
"""A value for each setting, by name; integers where the setting is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One number of a recipe."""

    name: str
    default: int | float
    """As the recipe has it; an integer if only integers make sense."""
    low: int | float
    high: int | float
    log: bool
    """Whether equal ratios are equal steps."""


def settings_around(recipe: Recipe) -> tuple[Setting, ...]:
    """Give the settings of a recipe's teacher, and the ranges in which to search for better ones.

    Raises
    ------
    InvalidArgument
        If one that is searched in ratios is not above zero.
    """
    trees, networks = recipe.teacher, recipe.perceptrons
    return (
        _around("trees.leaves", trees.leaves, 0.5, 4.0, least=2),
        _around("trees.rows_in_leaf", trees.rows_in_leaf, 0.125, 4.0),
        _around("trees.learning_rate", trees.learning_rate, 0.5, 3.0),
        # Half as large steps want twice as many: their product is what can be searched by itself.
        _around("trees.learning_rate_x_trees", trees.learning_rate * trees.trees, 0.5, 2.0),
        _around("trees.l2", trees.l2, 0.1, 100.0),
        _between("trees.row_share", trees.row_share, 0.3, 1.0),
        _between("trees.column_share", trees.column_share, 0.3, 1.0),
        _between("trees.share", recipe.trees_share, 0.0, 1.0),
        _around("perceptrons.width", networks.width, 0.5, 2.0, least=2),
        Setting(name="perceptrons.layers", default=networks.layers, low=1, high=max(5, networks.layers), log=False),
        _around("perceptrons.decay", networks.decay, 0.1, 10.0),
        _between("perceptrons.dropout", networks.dropout, 0.0, 0.4),
        _around("perceptrons.learning_rate", networks.learning_rate, 0.25, 4.0),
        _around("perceptrons.passes", networks.passes, 0.5, 2.0),
    )


def with_settings(recipe: Recipe, values: Values) -> Recipe:
    """Give the recipe with other ``values`` of its settings; its own give the same recipe."""
    trees = {name.removeprefix("trees."): value for name, value in values.items() if name.startswith("trees.")}
    share, product = float(trees.pop("share")), trees.pop("learning_rate_x_trees")
    teacher = replace(
        recipe.teacher,
        trees=max(1, round(product / trees["learning_rate"])),
        **trees,  # type: ignore[arg-type]  # integers where the recipe has integers
    )
    perceptrons = replace(
        recipe.perceptrons,
        width=int(values["perceptrons.width"]),
        layers=int(values["perceptrons.layers"]),
        decay=float(values["perceptrons.decay"]),
        dropout=float(values["perceptrons.dropout"]),
        learning_rate=float(values["perceptrons.learning_rate"]),
        passes=int(values["perceptrons.passes"]),
    )
    return replace(recipe, teacher=teacher, perceptrons=perceptrons, trees_share=share)


def _around(name: str, default: int | float, down: float, up: float, *, least: int = 1) -> Setting:
    if not default > 0:
        raise InvalidArgument(f"{name} is {default:g}: expected a number above 0, tuning tries multiples of it")
    if isinstance(default, int):
        low, high = min(default, max(least, round(default * down))), max(default, round(default * up))
        return Setting(name=name, default=default, low=low, high=high, log=True)
    return Setting(name=name, default=default, low=default * down, high=default * up, log=True)


def _between(name: str, default: float, low: float, high: float) -> Setting:
    return Setting(name=name, default=default, low=min(low, default), high=max(high, default), log=False)
