"""Expected hypervolume improvement against Monte Carlo, against the staircase by hand, and against BoTorch."""

from __future__ import annotations

import math

import moocore
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from bagbench.optimizers.ehvi import expected_hypervolume_improvement, expected_improvement, nondominated_boxes

Losses = NDArray[np.float64]


def front_of(m: int, n: int = 12) -> Losses:
    """Random losses, some of them dominated, some outside of the reference box of ones."""
    return np.random.default_rng(m).random((n, m)) * 1.15


def volume(losses: Losses) -> float:
    m = losses.shape[1]
    inside = losses[(losses < 1).all(axis=1)]
    return float(moocore.hypervolume(inside, ref=np.ones(m))) if len(inside) else 0.0


def improvement(point: Losses, front: Losses) -> float:
    return volume(np.vstack([front, point])) - volume(front)


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_exact_losses_improve_by_what_moocore_says(m: int) -> None:
    front, points = front_of(m), np.random.default_rng(9).random((30, m)) * 1.1 - 0.2
    found = expected_hypervolume_improvement(points, np.zeros_like(points), front, np.ones(m))
    assert found == pytest.approx([improvement(point, front) for point in points], abs=1e-12)


@pytest.mark.parametrize("spread", [(0.3,), (0.2, 0.3), (0.0, 0.3), (0.3, 0.0), (0.2, 0.3, 0.1), (0.2, 0.0, 0.1)])
def test_uncertain_losses_improve_by_what_monte_carlo_says(spread: tuple[float, ...]) -> None:
    """Spread 0 is a loss that is known exactly."""
    m, samples = len(spread), 4000
    front, mean = front_of(m), np.full((1, m), 0.35)
    (found,) = expected_hypervolume_improvement(mean, np.array([spread]), front, np.ones(m))
    draws = mean + np.array(spread) * np.random.default_rng(1).standard_normal((samples, m))
    gains = np.array([improvement(draw, front) for draw in draws])
    assert found > 0
    assert found == pytest.approx(gains.mean(), abs=4 * gains.std() / math.sqrt(samples))


def test_with_one_known_loss_it_is_expected_improvement_under_the_staircase_by_hand() -> None:
    # size  1 |. . R    A (0.2, 0.6), B (0.5, 0.3), reference (1, 1); the candidate has a known first loss of 0.4:
    #     0.6 |A . .    between 0.4 and 0.5 it must be below 0.6, between 0.5 and 1 below 0.3
    #     0.3 |. B .
    front = np.array([[0.2, 0.6], [0.5, 0.3]])
    found = expected_hypervolume_improvement(np.array([[0.4, 0.5]]), np.array([[0.0, 0.2]]), front, np.ones(2))

    def below(level: float) -> float:
        z = (level - 0.5) / 0.2
        return float((level - 0.5) * norm.cdf(z) + 0.2 * norm.pdf(z))

    assert found == pytest.approx([0.1 * below(0.6) + 0.5 * below(0.3)])


def test_expected_improvement_by_hand_and_at_its_limits() -> None:
    one = np.ones(1)
    assert expected_improvement(0 * one, one, 0 * one) == pytest.approx([1 / math.sqrt(2 * math.pi)])
    assert expected_improvement(0 * one, 0 * one, one).tolist() == [1]
    assert expected_improvement(one, 0 * one, one).tolist() == [0]
    assert expected_improvement(0 * one, one, -np.inf * one).tolist() == [0]
    assert expected_improvement(1e6 * one, 1e-9 * one, one).tolist() == [0]
    assert expected_improvement(-1e6 * one, 1e-9 * one, one).tolist() == [1e6 + 1]


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_boxes_tile_exactly_what_nothing_dominates(m: int) -> None:
    front = front_of(m)
    lower, upper = nondominated_boxes(front, np.ones(m))
    assert (lower < upper).all()
    points = np.random.default_rng(5).random((500, m)) * 1.2 - 0.1
    covered = ((points[:, None] >= lower) & (points[:, None] < upper)).all(axis=2).sum(axis=1)
    dominated = (front[:, None] <= points).all(axis=2).any(axis=0)
    inside = (points < 1).all(axis=1)
    assert covered.tolist() == (inside & ~dominated).astype(int).tolist()


def test_without_a_front_everything_up_to_the_reference_is_free() -> None:
    for m in (1, 2, 3):
        lower, upper = nondominated_boxes(np.empty((0, m)), np.ones(m))
        assert (lower == -np.inf).all()
        assert upper.tolist() == [[1.0] * m]


def test_dominated_duplicate_and_outlying_points_change_nothing() -> None:
    front, mean, spread = front_of(2), np.full((1, 2), 0.4), np.full((1, 2), 0.2)
    more = np.vstack([front, front, front + 0.01, [[5.0, 0.0]], [[1.0, 0.0]]])
    expected = expected_hypervolume_improvement(mean, spread, front, np.ones(2))
    assert expected_hypervolume_improvement(mean, spread, more, np.ones(2)) == pytest.approx(expected)


def test_many_boxes_are_summed_in_blocks() -> None:
    front = np.random.default_rng(0).dirichlet(np.ones(3), 60)
    assert len(nondominated_boxes(front, np.ones(3))[0]) > 512
    point = np.full((1, 3), 0.2)
    found = expected_hypervolume_improvement(point, np.zeros((1, 3)), front, np.ones(3))
    assert found == pytest.approx([improvement(point[0], front)])


@pytest.mark.parametrize("m", [2, 3])
def test_it_is_botorchs_analytic_ehvi(m: int) -> None:
    analytic = pytest.importorskip("botorch.acquisition.multi_objective.analytic")
    decompositions = pytest.importorskip("botorch.utils.multi_objective.box_decompositions")
    testing = pytest.importorskip("botorch.utils.testing")
    import torch

    front, rng = front_of(m), np.random.default_rng(3)
    mean, spread = rng.random((20, m)), 0.05 + 0.3 * rng.random((20, m))
    reference = torch.full((m,), -1.0, dtype=torch.float64)  # BoTorch maximises
    partitioning = decompositions.FastNondominatedPartitioning(reference, Y=torch.tensor(-front))
    posterior = testing.MockPosterior(mean=torch.tensor(-mean[:, None]), variance=torch.tensor(spread[:, None] ** 2))
    acquisition = analytic.ExpectedHypervolumeImprovement(
        testing.MockModel(posterior), reference.tolist(), partitioning
    )
    expected = acquisition(torch.zeros(20, 1, 1, dtype=torch.float64)).numpy()
    assert expected_hypervolume_improvement(mean, spread, front, np.ones(m)) == pytest.approx(expected, rel=1e-8)
