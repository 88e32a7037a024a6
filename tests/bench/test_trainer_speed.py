"""The trainer against the plain loop that the recipe is usually written as, epoch for epoch, on the same networks."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bagbench.problems import get_problem  # noqa: E402
from bagbench.problems.datasets import DataSet, load_data_set  # noqa: E402
from bagbench.problems.network import build_network  # noqa: E402
from bagbench.problems.training_run import TrainingRun  # noqa: E402

EPOCHS = 3


def plain_seconds(config: dict[str, object], data: DataSet) -> float:
    """Processor seconds of an epoch with a DataLoader, torch.optim.Adam and a loss read after every step."""
    torch.manual_seed(0)
    network = build_network(config, data.shape)
    adam = torch.optim.Adam(network.parameters(), lr=config["lr_init"])  # type: ignore[arg-type]
    criterion = torch.nn.CrossEntropyLoss()
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(data.train.images), torch.from_numpy(data.train.labels))
    loader = torch.utils.data.DataLoader(pairs, batch_size=config["batch_size"], shuffle=True)  # type: ignore[arg-type]
    times = []
    for _ in range(EPOCHS):
        start, total = time.process_time(), 0.0
        network.train()
        for images, labels in loader:
            adam.zero_grad()
            loss = criterion(network(images), labels)
            loss.backward()
            adam.step()
            total += loss.item()
        times.append(time.process_time() - start)
    return min(times)


def our_seconds(config: dict[str, object], data: DataSet) -> float:
    """Processor seconds of an epoch as the trainer records them."""
    run = TrainingRun(config, 0, "bench", data=data, device=torch.device("cpu"))  # type: ignore[arg-type]
    run.advance(EPOCHS)
    return min(run.curves["train_seconds"])


def test_trainer_is_at_least_1_3_times_as_fast_as_the_plain_loop(say: Callable[[str], None]) -> None:
    problem, data = get_problem("digits"), load_data_set("digits")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        configs = [problem.space.decode(vector) for vector in problem.space.sample(np.random.default_rng(7), 20)]
        pairs = np.array([(plain_seconds(dict(config), data), our_seconds(dict(config), data)) for config in configs])
    finally:
        torch.set_num_threads(threads)
    ratios = pairs[:, 0] / pairs[:, 1]
    mean = float(np.exp(np.log(ratios).mean()))
    say(
        f"an epoch of training, 20 random networks: {mean:.2f} times as fast as the plain DataLoader loop (geometric "
        f"mean; {ratios.min():.2f} to {ratios.max():.2f}; all together {pairs[:, 0].sum() / pairs[:, 1].sum():.2f})"
    )
    assert mean >= 1.3
