"""From a table to forests: a teacher learns the runs, and students that are shipped learn from the teacher.

The teacher is large (see `teacher`). The students learn its predictions on many configurations drawn from the space,
where there is no noise to overfit, and so can be small and fast at nearly the same accuracy (Bucila, Caruana &
Niculescu-Mizil 2006, "Model compression").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..problems.errors import InvalidArgument
from ..problems.problem import Vectors
from ..problems.space import Space
from .boosting import Boosting
from .examples import MOST_POINTS, Examples
from .features import Features
from .forest import Forest
from .kriging import Kriging
from .perceptrons import Perceptrons
from .refinement import refine
from .targets import SECONDS
from .teacher import TREES_SHARE, Teacher, predict, teach

Array = NDArray[np.float64]

_STREAM = 0x57D  # of random numbers: a table's design draws from the first ones, and would be drawn again
_PARTS = 8  # in which teachers are asked: perceptrons take a gigabyte for 300,000 configurations

STUDENTS = ("student", "clock", "rounds", "drawn")
"""What a recipe says of the students alone: teachers are the same without."""


def _student(*, trees: int, leaves: int) -> Boosting:
    """Settings for learning from a teacher: big steps, and no guard against noise that is not there."""
    return Boosting(
        model="lightgbm",
        trees=trees,
        leaves=leaves,
        learning_rate=0.3,
        rows_in_leaf=8,
        l2=0.0,
        row_share=1.0,
        column_share=1.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How forests are made."""

    teacher: Boosting = field(default_factory=Boosting)
    """The teacher's trees. ``rows_in_leaf`` are for runs over 25 epochs; for others, so many that a leaf holds as many
    runs."""
    perceptrons: Perceptrons = field(default_factory=Perceptrons)
    """What counts most in the teacher."""
    trees_share: float = TREES_SHARE
    """Of the trees in the average of both."""
    kriging: Kriging = field(default_factory=Kriging)
    """What counts nearly as much as both together where runs are few."""
    student: Boosting = field(default_factory=lambda: _student(trees=40, leaves=1024))
    """Trees are what its likeness to the teacher hangs on, and what a query costs. Many small ones know more of
    configurations that no student has seen than few large ones do."""
    clock: Boosting = field(default_factory=lambda: _student(trees=24, leaves=1024))
    """The student that predicts seconds."""
    rounds: int = 20
    """Of choosing the leaves of a student's trees anew, given each other; see `bagbench.surrogates.refinement`."""
    drawn: int = 240_000
    """Configurations drawn from the space for the students; a third as many are drawn near those of the table. The more
    there are, the more leaves find something to learn from."""
    most_points: int = MOST_POINTS
    """Points of learning curves to learn from at most: of a larger table that many are taken."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed.__class__ is not int or not 0 <= self.seed < 2**32:
            raise InvalidArgument(f"a recipe's seed is a whole number from 0 to {2**32 - 1}, got {self.seed!r}")
        if not 0 <= self.trees_share <= 1:
            raise InvalidArgument(f"a recipe's share of trees is between 0 and 1, got {self.trees_share}")
        if self.rounds < 0:
            raise InvalidArgument(f"a recipe refines leaves in 0 rounds or more, got {self.rounds}")
        if self.drawn < 0:
            raise InvalidArgument(f"a recipe draws 0 configurations or more, got {self.drawn}")

    def teach(self, examples: Examples, rows: NDArray[np.int64]) -> Teacher:
        """Teach a teacher the runs ``rows`` of ``examples``."""
        learners = self.teacher, self.perceptrons, self.kriging
        return teach(examples, rows, *learners, self.seed, trees_share=self.trees_share)


def grow(examples: Examples, rows: NDArray[np.int64], recipe: Recipe) -> list[Forest]:
    """Make one forest for each head from the runs ``rows`` of ``examples``."""
    teacher = recipe.teach(examples, rows)
    vectors, epochs = lessons(examples, rows, recipe)
    features = Features(examples.problem).matrix(vectors, epochs).astype(np.float32)
    parts = np.array_split(np.arange(len(vectors)), _PARTS)
    means = np.concatenate([teacher.means(vectors[part], epochs[None, part])[0] for part in parts])
    students = []
    for head, target in enumerate(examples.targets):
        options = recipe.clock if target.name == SECONDS else recipe.student
        student = options.fit(features, means[:, head], seed=recipe.seed)
        students.append(refine(student, features, means[:, head], recipe.rounds))
    return students


def lessons(examples: Examples, rows: NDArray[np.int64], recipe: Recipe) -> tuple[Vectors, NDArray[np.int64]]:
    """Draw what students learn about: configurations (k, d), each at its own epoch (k,), half of them the last."""
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


def predict_curves(forests: Sequence[Forest], examples: Examples, rows: NDArray[np.int64]) -> Array:
    """Predict whole curves (n, E, h) of the runs ``rows``."""
    epochs = np.arange(1, examples.problem.max_epochs + 1)
    once = Features(examples.problem).matrix(examples.vectors[rows], np.ones(len(rows), dtype=np.int64))
    features = np.repeat(once.astype(np.float32), len(epochs), axis=0)
    features[:, -1] = np.tile(epochs, len(rows))  # the epoch is the last column
    return predict(forests, features).reshape(len(rows), -1, len(forests))
