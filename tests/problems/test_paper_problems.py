"""The seed paper's own problems: their space, their images where they are at hand, and real, short trainings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bagbench.problems import get_problem
from bagbench.problems.datasets import DataSet, load_data_set
from bagbench.problems.downloads import find_image_file
from bagbench.problems.errors import FileProblem

torch = pytest.importorskip("torch")

from bagbench.problems import training_run as module  # noqa: E402 - it needs torch
from bagbench.problems.network import largest_map  # noqa: E402
from bagbench.problems.trainer import Trainer  # noqa: E402
from bagbench.problems.training_run import TrainingRun  # noqa: E402

BOTH = pytest.mark.parametrize("name", ["flowers", "fashion"])
FILES = {"flowers": "flowers17_16px.npz", "fashion": "train-images-idx3-ubyte.gz"}
DIGESTS = {
    "flowers": "15b10600931c96c19f08160476d10c6bf2fe8fef977f41b80e8143c6fee72325",
    "fashion": "09a64c0498879675d30037d714669d1e9931f676c4571d8855a70e5e984749c5",
}
SMALL: dict[str, Any] = {
    "batch_norm": True,
    "batch_size": 32,
    "global_avg_pooling": False,
    "kernel_size": 3,
    "lr_init": 0.003,
    "n_conv_l": 1,
    "n_conv_0": 16,
    "n_fc_l": 1,
    "n_fc_0": 64,
}


@pytest.fixture
def images() -> Callable[[str], DataSet]:
    """Load the images of a problem, or skip the test where they are not at hand."""

    def load(name: str) -> DataSet:
        try:
            find_image_file(name, (FILES[name],))
        except FileProblem as missing:
            pytest.skip(str(missing))
        return load_data_set(name)

    return load


@BOTH
def test_space_and_goals_are_the_papers(name: str) -> None:
    problem = get_problem(name)
    by_name: dict[str, Any] = dict(zip(problem.space.names, problem.space.parameters, strict=True))
    assert len(by_name) == 13
    ranges = {"n_conv_": "16..1024", "n_fc_": "2..512"}
    expected = {f"{kind}{layer}": limits for kind, limits in ranges.items() for layer in range(3)}
    expected |= {"n_conv_l": "1..3", "n_fc_l": "1..3", "batch_size": "1..512"}
    for parameter, limits in expected.items():
        low, high = limits.split("..")
        assert (by_name[parameter].lower, by_name[parameter].upper) == (int(low), int(high))
        assert by_name[parameter].log == (parameter not in ("n_conv_l", "n_fc_l"))
    defaults = {parameter: by_name[parameter].default for parameter in by_name}
    assert defaults == {
        "batch_norm": False, "batch_size": 128, "global_avg_pooling": True, "kernel_size": 5, "lr_init": 1e-3,
        "n_conv_l": 3, "n_conv_0": 128, "n_conv_1": 128, "n_conv_2": 128,
        "n_fc_l": 3, "n_fc_0": 32, "n_fc_1": 32, "n_fc_2": 32,
    }  # fmt: skip
    assert (problem.min_epochs, problem.max_epochs, problem.budget_seconds) == (1, 25, 86_400.0)
    assert problem.objective_names == ("val_error", "log10_params")
    assert problem.reference_point.tolist() == [100.0, 8.0]


@pytest.mark.parametrize(("name", "smallest"), [("flowers", 533), ("fashion", 224)])
def test_smallest_network_has_the_size_found_in_the_papers_space(name: str, smallest: int) -> None:
    config = {**SMALL, "batch_norm": False, "global_avg_pooling": True, "n_fc_0": 2}
    vector = get_problem(name).space.encode(config)
    assert round(10 ** get_problem(name).known_losses(vector[None])[0, 1]) == smallest


def test_flowers_are_the_same_for_ever(images: Callable[[str], DataSet]) -> None:
    data = images("flowers")
    assert data.digest == DIGESTS["flowers"]
    for split, each in ((data.train, 40), (data.validation, 20), (data.test, 20)):
        assert split.images.shape == (17 * each, 3, 16, 16)
        assert np.bincount(split.labels).tolist() == [each] * 17


def test_fashion_is_the_same_for_ever(images: Callable[[str], DataSet]) -> None:
    data = images("fashion")
    assert data.digest == DIGESTS["fashion"]
    for split, each in ((data.train, 4800), (data.validation, 1200), (data.test, 1000)):
        assert split.images.shape == (10 * each, 1, 28, 28)
        assert (split.images.min(), split.images.max()) == (0.0, 1.0)
        assert np.bincount(split.labels).tolist() == [each] * 10


def test_flowers_are_learned(images: Callable[[str], DataSet]) -> None:
    images("flowers")
    curve = Trainer(get_problem("flowers"), device="cpu").curve(SMALL, epochs=5)
    assert curve.losses[-1, 0] < 70.0  # guessing scores 94
    validated = curve.losses[:, 0] * 3.4  # of 340 images
    np.testing.assert_allclose(np.rint(validated), validated, atol=1e-9)


def test_fashion_is_learned_in_one_epoch(images: Callable[[str], DataSet]) -> None:
    images("fashion")
    config = {**SMALL, "batch_norm": False, "batch_size": 512, "n_fc_0": 16}
    problem = get_problem("fashion").with_objectives(["val_error", "test_error"])
    errors = Trainer(problem, device="cpu").query(config, epochs=1).losses
    assert (errors < 40.0).all()  # guessing scores 90
    counted = errors * [120, 100]  # of 12,000 and 10,000 images
    np.testing.assert_allclose(np.rint(counted), counted, atol=1e-6)


# --- memory -----------------------------------------------------------------------------------------------------------


def start(name: str, config: dict[str, Any]) -> TrainingRun:
    digest = get_problem(name).space.digest(config)
    return TrainingRun(config, 0, digest, data=load_data_set(name), device=torch.device("cpu"))


def test_images_are_there_once_however_many_runs_use_them() -> None:
    first, second = start("digits", SMALL), start("digits", {**SMALL, "n_conv_0": 8})
    for mine, theirs in zip((*first._train, *first._scored), (*second._train, *second._scored), strict=True):
        assert mine.data_ptr() == theirs.data_ptr()
    assert first._train[0].data_ptr() == load_data_set("digits").train.images.ctypes.data


def test_wide_networks_on_large_images_are_scored_in_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    widest = {**SMALL, "n_conv_0": 1024}
    for name, most in (("digits", 1024), ("flowers", 32), ("fashion", 10)):
        numbers = largest_map({**widest, "n_conv_0": 128 if name == "digits" else 1024}, load_shape(name))
        assert min(module._EVALUATION_BATCH, module._EVALUATION_NUMBERS // numbers) == most
    whole = start("digits", SMALL)
    assert whole._evaluation_batch == 1024
    monkeypatch.setattr(module, "_EVALUATION_NUMBERS", 100 * 16 * 64)
    parts = start("digits", SMALL)
    assert parts._evaluation_batch == 100
    whole.advance(2)
    parts.advance(2)
    assert parts.curves["train_loss"] == whole.curves["train_loss"]
    for name in ("val_accuracy", "test_accuracy"):
        np.testing.assert_allclose(parts.curves[name], whole.curves[name], atol=0.006)
    np.testing.assert_allclose(parts.curves["val_loss"], whole.curves["val_loss"], rtol=1e-4)


def load_shape(name: str) -> Any:
    return get_problem(name).known["log10_params"].shape  # type: ignore[attr-defined]
