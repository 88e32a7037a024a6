"""From a table to a network: a teacher learns the runs, and a student that is shipped learns from the teacher.

The teacher is large (see `teacher`). The student learns its predictions on many configurations drawn from the space,
where there is no noise to overfit, and so can be small and fast at the same accuracy (Bucila, Caruana & Niculescu-Mizil
2006, "Model compression").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument, MissingExtra
from ..problems.problem import Vectors
from ..problems.space import Space
from .boosting import Boosting
from .distillation import Student
from .examples import MOST_POINTS, Examples
from .features import Features
from .kriging import Kriging
from .network import Network
from .perceptrons import Perceptrons
from .teacher import TREES_SHARE, Teacher, teach

Array = NDArray[np.float64]

_STREAM = 0x57D  # of random numbers: a table's design draws from the first ones, and would be drawn again
_PARTS = 8  # in which teachers are asked: perceptrons take a gigabyte for 300,000 configurations

STUDENTS = ("student", "drawn")
"""What a recipe says of the student alone: teachers are the same without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a surrogate is made."""

    teacher: Boosting = field(default_factory=Boosting)
    """The teacher's trees. ``rows_in_leaf`` are for runs over 25 epochs; for others, so many that a leaf holds as many
    runs."""
    perceptrons: Perceptrons = field(default_factory=Perceptrons)
    """What counts most in the teacher."""
    trees_share: float = TREES_SHARE
    """Of the trees in the average of both."""
    kriging: Kriging = field(default_factory=Kriging)
    """What counts nearly as much as both together where runs are few."""
    student: Student = field(default_factory=Student)
    """The network that is shipped."""
    drawn: int = 240_000
    """Configurations drawn from the space for the student; a third as many are drawn near those of the table."""
    most_points: int = MOST_POINTS
    """Points of learning curves to learn from at most: of a larger table that many are taken."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed.__class__ is not int or not 0 <= self.seed < 2**32:
            raise InvalidArgument(f"a recipe's seed is a whole number from 0 to {2**32 - 1}, got {self.seed!r}")
        if not 0 <= self.trees_share <= 1:
            raise InvalidArgument(f"a recipe's share of trees is between 0 and 1, got {self.trees_share}")
        if self.drawn < 0:
            raise InvalidArgument(f"a recipe draws 0 configurations or more, got {self.drawn}")

    @staticmethod
    def check() -> None:
        """Check that recipes can be followed here, which is better known before trees have grown for minutes.

        Raises
        ------
        MissingExtra
            If torch is not installed.
        """
        if find_spec("torch") is None:
            raise MissingExtra.for_package("torch", "fit", "fitting a surrogate")

    def teach(self, examples: Examples, rows: NDArray[np.int64]) -> Teacher:
        """Teach a teacher the runs ``rows`` of ``examples``."""
        learners = self.teacher, self.perceptrons, self.kriging
        return teach(examples, rows, *learners, self.seed, trees_share=self.trees_share)


def learn(examples: Examples, rows: NDArray[np.int64], recipe: Recipe) -> Network:
    """Learn the runs ``rows`` of ``examples``: their means, on the scale of predictions, a column for each target."""
    recipe.check()
    teacher = recipe.teach(examples, rows)
    vectors, epochs = lessons(examples, rows, recipe)
    features = Features(examples.problem).matrix(vectors, epochs).astype(np.float32)
    parts = np.array_split(np.arange(len(vectors)), _PARTS)
    means = np.concatenate([teacher.means(vectors[part], epochs[None, part])[0] for part in parts])
    return recipe.student.learn(features, means, seed=recipe.seed)


def lessons(examples: Examples, rows: NDArray[np.int64], recipe: Recipe) -> tuple[Vectors, NDArray[np.int64]]:
    """Draw what a student learns about: configurations (k, d), each at its own epoch (k,), half of them the last."""
    rng = np.random.default_rng([recipe.seed, _STREAM])
    vectors, last = draw(examples, rows, recipe, rng), examples.problem.max_epochs
    full = rng.random(len(vectors)) < 0.5
    return vectors, np.where(full, last, rng.integers(1, last + 1, len(vectors)))


def draw(examples: Examples, rows: NDArray[np.int64], recipe: Recipe, rng: np.random.Generator) -> Vectors:
    """Draw configurations: those of ``rows``, others of the space, and neighbours of the former."""
    known, space = examples.vectors[rows], examples.problem.space
    return np.concatenate([known, space.sample(rng, recipe.drawn), _near(space, known, rng, recipe.drawn // 3)])


def _near(space: Space, vectors: Vectors, rng: np.random.Generator, n: int) -> Vectors:
    """Draw about ``n`` configurations, at least one for each of ``vectors`` (k, d), two steps away from it."""
    each = max(1, n // len(vectors))
    once = np.concatenate([space.neighbours(vector, rng, each) for vector in vectors])
    return np.concatenate([space.neighbours(vector, rng, 1) for vector in once])


def predict_curves(network: Network, examples: Examples, rows: NDArray[np.int64]) -> Array:
    """Predict whole curves (n, E, h) of the runs ``rows``."""
    epochs = np.arange(1, examples.problem.max_epochs + 1)
    once = Features(examples.problem).matrix(examples.vectors[rows], np.ones(len(rows), dtype=np.int64))
    features = np.repeat(once.astype(np.float32), len(epochs), axis=0)
    features[:, -1] = np.tile(epochs, len(rows))  # the epoch is the last column
    return network.predict(features).reshape(len(rows), len(epochs), -1)
