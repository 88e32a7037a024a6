"""What the columns of somebody's own runs mean: objectives, seconds, and how rows make up runs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..problems import PROBLEMS
from ..problems.errors import BadRows, InvalidArgument
from ..problems.parameters import Choice
from ..problems.problem import Objective
from ..problems.space import Space
from .sheets import Sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A column that is an objective."""

    name: str
    maximize: bool = False
    reference: float | None = None
    """In the column's own direction, as `ideal` is; None: the worst run's, and a margin."""
    ideal: float | None = None

    @property
    def sign(self) -> float:
        """What turns a value into a loss."""
        return -1.0 if self.maximize else 1.0

    def __post_init__(self) -> None:
        if self.reference is None or self.ideal is None or self.sign * self.ideal < self.sign * self.reference:
            return
        side, word = ("above", "maximised") if self.maximize else ("below", "minimised")
        raise InvalidArgument(
            f"objective {self.name!r} is {word}: ideal {self.ideal:g} must be {side} reference {self.reference:g}"
        )

    def objective(self, bounds: tuple[float, float]) -> Objective:
        """Turn it into a loss, once reference and ideal are there."""
        if self.reference is None or self.ideal is None:
            raise InvalidArgument(f"objective {self.name!r} has no reference or no ideal point yet: expected both")
        return Objective(
            name=self.name,
            unit="",
            bounds=bounds,
            reference=self.sign * self.reference,
            ideal=self.sign * self.ideal,
            maximize=self.maximize,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns that are not hyperparameters.

    Raises
    ------
    InvalidArgument
        If objectives are missing, repeated or ill-named, a column has two roles, or there are epochs but no runs.
    """

    goals: tuple[Goal, ...]
    cost: str
    """Seconds of each row; its run is charged them."""
    is_cumulative: bool = False
    """Whether the cost of a row holds the seconds of the run's earlier epochs, too."""
    seed: str | None = None
    """Replicate of the configuration; None: they are counted."""
    run: str | None = None
    """Equal in all rows of one run; None: every row is a run."""
    epoch: str | None = None
    """1, 2, 3, ... in each run; None: its rows are in this order."""

    def __post_init__(self) -> None:
        names = [goal.name for goal in self.goals]
        if not names or len(set(names)) < len(names):
            raise InvalidArgument(f"objectives must be one or more different columns, got {', '.join(names) or 'none'}")
        for name in names:
            if name in ("", ".") or set(name) & set("/,"):
                raise InvalidArgument(f"objective {name!r}: expected a name without '/' and ','; rename the column")
            if name == "eval_seconds" or (name == "train_seconds" and name != self.cost):
                raise InvalidArgument(f"objective {name!r}: tables keep this name for the clock; rename the column")
        if self.epoch is not None and self.run is None:
            raise InvalidArgument(
                f"epoch column {self.epoch!r} without a run column: name the column that says which rows are one run. "
                "If every row is a run, leave the epochs out: its one epoch is the whole training"
            )
        roles = [self.cost, *filter(None, (self.seed, self.run, self.epoch))]
        twice = [name for name in roles if roles.count(name) > 1 or (name in names and name != self.cost)]
        if twice:
            raise InvalidArgument(f"column {twice[0]!r} has two roles: expected different columns")

    @property
    def measured(self) -> tuple[str, ...]:
        """Names of the columns that hold measurements, each once."""
        return tuple(dict.fromkeys((*(goal.name for goal in self.goals), self.cost)))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns with a role, each once."""
        return (*self.measured, *(name for name in (self.seed, self.run, self.epoch) if name is not None))

    def check(self, sheet: Sheet, parameters: Iterable[str]) -> None:
        """Check that all columns are there, those of hyperparameters included.

        Raises
        ------
        BadRows
            If not.
        """
        parameters = tuple(parameters)
        complaints = []
        for name in dict.fromkeys((*self.columns, *parameters)):
            if name not in sheet.columns:
                near = difflib.get_close_matches(name, sheet.columns, n=1, cutoff=0.4)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                complaints.append(f"{sheet.path}: no column {name!r}: expected one of {', '.join(sheet.columns)}{hint}")
        complaints += [
            f"{sheet.path}: column {name!r} is a hyperparameter of the space and has a role: take it out of one of them"
            for name in self.columns
            if name in parameters
        ]
        complaints += [complaint for name in (*self.columns, *parameters) for complaint in sheet.odd.get(name, ())]
        if complaints:
            raise BadRows(complaints)


def check_names(name: str, space: Space | None = None) -> None:
    """Check that a problem and its hyperparameters have names that a table can hold.

    Raises
    ------
    InvalidArgument
        If the problem is called like a shipped one, a hyperparameter has a slash in its name, or choices of one would
        be the same word in the file.
    """
    if not name or name in PROBLEMS:
        raise InvalidArgument(
            f"the table would be called {name!r}, as a shipped problem is, but holds runs of another trainer: "
            "choose another name for the file"
        )
    for name in space.names if space is not None else ():
        if "/" in name or name in (".", ""):
            raise InvalidArgument(f"hyperparameter {name!r}: expected a name without '/'; rename it and its column")
    for parameter in space.parameters if space is not None else ():
        if isinstance(parameter, Choice) and not _can_be_told_apart(parameter.choices):
            raise InvalidArgument(
                f"hyperparameter {parameter.name!r} has the choices {list(parameter.choices)}, two of which are spelt "
                "alike: expected different words"
            )


def _can_be_told_apart(choices: Sequence[object]) -> bool:
    """Tell whether a column can hold these choices: with a word among them, all as they are spelt."""
    words = {str(choice) for choice in choices}
    return not any(isinstance(choice, str) for choice in choices) or len(words) == len(choices)
