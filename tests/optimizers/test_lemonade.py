"""LEMONADE: densities against scipy's, and whom they choose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import gaussian_kde

from bagbench.optimizers.base import Query, Result
from bagbench.optimizers.driving import drive, told
from bagbench.optimizers.lemonade import Lemonade, inverse_density
from bagbench.optimizers.synthetic import networks, tradeoff
from bagbench.problems import get_problem
from bagbench.problems.errors import InvalidArgument
from bagbench.problems.parameters import Number

PROBLEM = tradeoff().problem  # f1 = x0 is known; ideal (0, 0), reference (1.1, 11)


def answer(query: Query, losses: tuple[float, float]) -> Result:
    status = "failed" if np.isnan(losses).any() else "ok"
    return Result(query=query, losses=np.array(losses), seconds=1.0, status=status)


def lonely_and_crowded(search: Lemonade, crowd: int) -> tuple[Query, list[Query]]:
    """Tell a front: one configuration alone in the cheap objective, and a crowd far away."""
    lonely, *crowded = (search.ask() for _ in range(crowd + 1))
    search.tell(answer(lonely, (1.0, 0.5)))
    for i, query in enumerate(crowded):
        search.tell(answer(query, (0.01 + 1e-4 * i, 5.0 - 0.1 * i)))
    return lonely, crowded


def test_probabilities_are_inverse_to_the_density_of_scipy() -> None:
    rng = np.random.default_rng(0)
    of, points = rng.normal(size=(30, 1)), rng.normal(size=(8, 1))
    unbiased = of.std() / of.std(ddof=1)  # scipy's spread is the other one
    kernel = gaussian_kde(of[:, 0], bw_method=lambda kde: kde.scotts_factor() * unbiased)
    height = kernel.factor * of.std(ddof=1) * np.sqrt(2 * np.pi) * len(of)
    expected = 1 / (1 + height * kernel(points[:, 0]))
    assert np.allclose(inverse_density(points, of), expected / expected.sum())


def test_the_lonely_are_drawn_in_proportion_to_their_loneliness() -> None:
    """Oracle: four points on one spot and one far away have densities 4 : 1; each counts once more."""
    points = np.array([[0.0], [0.0], [0.0], [0.0], [1000.0]])
    assert np.allclose(inverse_density(points, points)[:4], 1 / 5 / (4 / 5 + 1 / 2), rtol=0.15)
    far = np.array([[0.0], [1e6]])
    assert inverse_density(far, np.zeros((9, 1))) == pytest.approx([1 / 11, 10 / 11])


def test_a_front_that_agrees_in_an_objective_has_a_density_all_the_same() -> None:
    assert np.allclose(inverse_density(np.zeros((4, 2)), np.zeros((4, 2))), 0.25)


def test_parents_are_drawn_inversely_to_the_density_of_the_cheap_objective() -> None:
    """Without pre-selection (all proposed are accepted) the lonely one has the share that the density gives it."""
    search = Lemonade(PROBLEM, seed=0, initial=5, proposed=400, accepted=400)
    lonely, crowded = lonely_and_crowded(search, 4)
    children = [search.ask() for _ in range(400)]
    shared = np.array([[(child.config == parent.config).sum() for parent in (lonely, *crowded)] for child in children])
    assert (shared.max(axis=1) == 5).all()  # a child differs in one parameter of six
    seen = np.array([[1.0], *([0.01 + 1e-4 * i] for i in range(4))]) / 1.1
    assert np.mean(shared.argmax(axis=1) == 0) == pytest.approx(inverse_density(seen, seen)[0], abs=0.07)


def test_of_many_children_those_in_thin_regions_are_accepted() -> None:
    """Oracle: the front is on one spot of the cheap objective, which one child of six leaves.

    Those that stay have density 8, all count once more, so their weights are as 1/9 to 1, and their shares 5/9 to 1.
    """
    left = []
    for proposed in (10, 1000):
        search = Lemonade(PROBLEM, seed=0, initial=1, proposed=proposed, accepted=10)
        search.ask()
        for i in range(8):
            config = np.append(0.5 + 1e-5 * i, np.full(5, 0.5))
            search.tell(answer(Query(config=config, epochs=27), (config[0], 5 - i)))
        left.append(np.mean([abs(search.ask().config[0] - 0.5) > 1e-4 for _ in range(100)]))
    assert left[0] == pytest.approx(1 / 6, abs=0.1)
    assert left[1] == pytest.approx(9 / 14, abs=0.1)


def test_the_population_is_the_front_of_all_results() -> None:
    search = Lemonade(networks().problem, seed=0)
    results = told(drive(search, networks(), trials=60, workers=4))
    losses = np.array([result.losses for result in results])
    best = [
        result.query.config.tobytes()
        for result in results
        if not ((losses <= result.losses).all(axis=1) & (losses < result.losses).any(axis=1)).any()
    ]
    assert {vector.tobytes() for vector in search.population} == set(best)


def test_children_are_shallower_deeper_narrower_and_wider() -> None:
    problem = get_problem("digits")
    search = Lemonade(problem, seed=0, initial=1, accepted=60)
    parent = search.ask()
    search.tell(answer(parent, (50.0, 4.0)))
    before = problem.space.decode(parent.config)
    children = [problem.space.decode(search.ask().config) for _ in range(60)]
    for name in ("n_conv_l", "n_conv_0"):
        changes = {np.sign(int(child[name]) - int(before[name])) for child in children}
        parameter = problem.space.parameters[problem.space.index[name]]
        assert isinstance(parameter, Number)
        possible = {-1} if before[name] == parameter.upper else {1} if before[name] == parameter.lower else {-1, 1}
        assert changes >= possible


def test_without_a_known_objective_the_density_is_that_of_all() -> None:
    search = Lemonade(replace(PROBLEM, known={}), seed=0, initial=5, accepted=64)
    lonely, crowded = lonely_and_crowded(search, 4)
    children = [search.ask() for _ in range(64)]
    shared = np.array([[(child.config == parent.config).sum() for parent in (lonely, *crowded)] for child in children])
    assert np.mean(shared.argmax(axis=1) == 0) > 0.25


def test_failed_trials_never_enter() -> None:
    search = Lemonade(PROBLEM, seed=0, initial=2)
    for _ in range(12):
        search.tell(answer(search.ask(), (np.nan, np.nan)))
    assert search.population == []


@pytest.mark.parametrize(
    "options", [{"initial": 0}, {"accepted": 0}, {"accepted": 65}], ids=["no start", "none accepted", "too many"]
)
def test_options_out_of_range_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument, match=r"lemonade needs initial >= 1 and 1 <= accepted <= proposed, got"):
        Lemonade(PROBLEM, seed=0, **options)
