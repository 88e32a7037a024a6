"""BoTorch's noisy expected hypervolume improvement behind bagbench's protocol (the extra `botorch`).

Balandat et al. 2020, NeurIPS; Daulton, Balandat, Bakshy 2021, NeurIPS; Ament et al. 2023, NeurIPS (the logarithm).

The library's, with its defaults: one `SingleTaskGP` per unknown objective (RBF kernel with a length scale per entry and
priors that know their number, standardised losses, inferred noise), fitted for every trial by `fit_gpytorch_mll`, which
begins with what it found for the last one; `GenericDeterministicModel` for known objectives;
`qLogNoisyExpectedHypervolumeImprovement` at the problem's reference point, with ``prune_baseline``, which its authors
recommend; `optimize_acqf_discrete`.

Ours: what these are given. BoTorch knows no conditional parameters, so configurations are imputed: `unit_cube` encodes
them, with one constant wherever a parameter is inactive. Gradients would see neither conditions nor integers nor known
objectives, so the maximum is looked for among legal configurations, the pool of ms-ehvi. The first trials are those of
random search under the same seed.

Every trial is trained in full. Open queries are BoTorch's pending points. Failed trials are left out; losses beyond the
reference point count as on it.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from operator import itemgetter
from typing import TYPE_CHECKING, ClassVar
from unittest.mock import patch

import numpy as np

from ..problems.errors import InvalidArgument, MissingExtra
from ..problems.problem import Problem, Vectors
from ..problems.space import Vector
from ..problems.threads import one_thread
from .base import Query, Result
from .candidates import candidate_pool
from .encoding import unit_cube
from .pareto import nondominated_ranks
from .random_search import RandomSearch
from .trials import Trials

if TYPE_CHECKING:
    from botorch.models.model import Model, ModelList
    from torch import Tensor

_FEWEST = 2  # scored trials that a model can be fitted to
_AT_ONCE = 32
"""Candidates that are scored together: what is computed of so many stays in the caches, which is twice as fast."""


class BotorchQLogNehvi:
    """`qLogNoisyExpectedHypervolumeImprovement`, maximised over a pool of candidates.

    Parameters
    ----------
    problem
    seed
        Of all its random draws.
    startup
        Number of trials before the first model.
    batch
        Number of trials that are suggested at once, from one fit of the models.
    samples
        Quasi-Monte Carlo samples of the acquisition function; 128 is BoTorch's default.
    fit_iterations
        Most steps of L-BFGS-B in a fit; 15,000 is scipy's default, and ends none in practice.

    Raises
    ------
    MissingExtra
        If BoTorch is not installed.
    InvalidArgument
        If an option is below 1.
    """

    declines: ClassVar[Mapping[str, str]] = {"one_objective": "BoTorch's hypervolumes need two objectives"}

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int,
        startup: int = 10,
        batch: int = 1,
        samples: int = 128,
        fit_iterations: int = 15_000,
    ) -> None:
        if find_spec("botorch") is None:
            raise MissingExtra.for_package("botorch", "botorch", "the optimizer 'botorch-qlognehvi'")
        options = {"startup": startup, "batch": batch, "samples": samples, "fit_iterations": fit_iterations}
        for name, value in options.items():
            if value < 1:
                raise InvalidArgument(f"botorch-qlognehvi needs a {name} of 1 or more, got {name}={value}")
        self._problem = problem
        self._rng = np.random.default_rng(seed)
        self._design = RandomSearch(problem, seed=seed)
        self._startup = startup
        self._batch = batch
        self._samples = samples
        self._fit_iterations = fit_iterations
        self._trials = Trials(problem)
        self._waiting: deque[Vector] = deque()
        self._fitted: dict[str, dict[str, Tensor]] = {}  # by objective: hyperparameters of the last fit

    def ask(self) -> Query:
        """Name the next trial; never waits."""
        vectors = self._trials.vectors
        if len(self._trials) < self._startup or len(vectors) < _FEWEST:
            return self._trials.query(self._design.ask().config)
        if not self._waiting:
            parents = vectors[nondominated_ranks(self._trials.losses) == 0]
            pool = self._trials.unasked(candidate_pool(self._problem.space, parents, self._rng))
            if not len(pool):
                return self._trials.query(self._design.ask().config)
            with _undisturbed(int(self._rng.integers(2**31))):
                self._waiting.extend(pool[self._best(pool)])
        return self._trials.query(self._waiting.popleft())

    def tell(self, result: Result) -> None:
        """Take in the result of a trial."""
        self._trials.tell(result)

    def _best(self, pool: Vectors) -> list[int]:
        """Find the rows of the ``pool`` (n, d) that together maximise the acquisition function, best first."""
        import torch
        from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
        from botorch.optim.optimize import optimize_acqf_discrete
        from botorch.sampling.get_sampler import get_sampler

        seen, running, choices = map(self._inputs, (self._trials.vectors, self._trials.open, pool))
        model = self._model(seen)
        size = torch.Size([self._samples])
        acquisition = qLogNoisyExpectedHypervolumeImprovement(
            model,
            ref_point=torch.from_numpy(-self._problem.reference_point),  # BoTorch maximises
            X_baseline=seen,
            sampler=get_sampler(model.posterior(seen[:1]), size),  # type: ignore[arg-type]  # it takes lists, too
            prune_baseline=True,
            X_pending=running if len(running) else None,
        )
        count = min(self._batch, len(pool))
        candidates, _ = optimize_acqf_discrete(acquisition, count, choices, max_batch_size=_AT_ONCE)
        return [int((choices == candidate).all(dim=1).nonzero()[0]) for candidate in candidates]

    def _inputs(self, vectors: Vectors) -> Tensor:
        """Encode configurations (n, d) as BoTorch's inputs (n, m + k): minus the known losses, then the unit cube.

        The first m columns are the outputs of the deterministic models, and no inputs of the others; they are 0 where
        an objective is not known.
        """
        from torch import from_numpy

        known = np.nan_to_num(-self._problem.known_losses(vectors))
        return from_numpy(np.concatenate([known, unit_cube(self._problem.space, vectors)], axis=1))

    def _model(self, inputs: Tensor) -> ModelList:
        """Fit a model of minus the losses told at ``inputs`` (n, m + k)."""
        import torch
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import ModelList, SingleTaskGP
        from botorch.models.deterministic import GenericDeterministicModel
        from botorch.models.transforms.input import FilterFeatures
        from gpytorch.mlls import ExactMarginalLogLikelihood

        objectives = self._problem.objectives
        outputs = torch.from_numpy(-self._trials.losses)
        cube = FilterFeatures(torch.arange(len(objectives), inputs.shape[1]))
        models: list[Model] = []
        for column, objective in enumerate(objectives):
            only = [column]
            if objective.name in self._problem.known:
                models.append(GenericDeterministicModel(itemgetter((..., only))))
            else:
                process = SingleTaskGP(inputs, outputs[:, only], input_transform=cube)
                if objective.name in self._fitted:
                    process.load_state_dict(self._fitted[objective.name], strict=False)
                likelihood = ExactMarginalLogLikelihood(process.likelihood, process)
                fit_gpytorch_mll(likelihood, optimizer_kwargs={"options": {"maxiter": self._fit_iterations}})
                learnt = {name: value.detach().clone() for name, value in process.named_parameters()}
                self._fitted[objective.name] = learnt
                models.append(process)
        return ModelList(*models)


@contextmanager
def _undisturbed(seed: int) -> Iterator[None]:
    """Let BoTorch work inside the block, in one thread, and leave no trace of it outside.

    Torch's global generator is seeded, and put back afterwards. BoTorch's compiled kernel stays out: it is built on
    first use, for half a minute, and for the processor at hand (``-march=native``), so that the same race could end
    otherwise on another machine.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # losses without spread, added jitter, what GPyTorch uses of torch
        from botorch.acquisition.multi_objective import logei
        from botorch.utils.sampling import manual_seed

        with one_thread(), manual_seed(seed), patch.multiple(logei, create=True, _C=None, _load_attempted=True):
            yield
