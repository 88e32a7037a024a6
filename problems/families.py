"""The joint architecture and hyperparameter space of the seed paper, and problems built on it.

Guerrero-Viu et al. 2021, arXiv 2105.01015: 13 parameters, 9 to 13 of them active. `flowers` and `fashion` are the
paper's own problems, `digits` is their small sister.
"""

from __future__ import annotations

import math

from .hints import NetworkHints
from .problem import Objective, Problem
from .shape import InputShape, Log10Macs, Log10Params
from .space import Space

CITATION = (
    "Guerrero-Viu, Hauns, Izquierdo, Miotto, Schrodi, Biedenkapp, Elsken, Deng, Lindauer, Hutter: Bag of Baselines for "
    "Multi-objective Joint Neural Architecture Search and Hyperparameter Optimization. arXiv 2105.01015 (2021)."
)


def paper_space(name: str, *, widths: tuple[int, int], neurons: tuple[int, int], batch_sizes: tuple[int, int]) -> Space:
    """Build the 13-parameter space with the given ranges (lower, upper) of widths and batch sizes.

    Defaults are the paper's, clipped to the range. Parameters are in the order in which ConfigSpace keeps them.
    """

    def integer(label: str, bounds: tuple[int, int], default: int, *, log: bool) -> dict[str, object]:
        low, high = bounds
        value = min(max(default, low), high)
        return {"type": "uniform_int", "name": label, "lower": low, "upper": high, "default_value": value, "log": log}

    def choice(label: str, choices: list[object], default: object) -> dict[str, object]:
        return {"type": "categorical", "name": label, "choices": choices, "weights": None, "default_value": default}

    def needs(child: str, parent: str, values: list[int]) -> dict[str, object]:
        return {"type": "IN", "child": child, "parent": parent, "values": values}

    rate = {"type": "uniform_float", "name": "lr_init", "lower": 1e-5, "upper": 1.0, "default_value": 1e-3, "log": True}
    return Space.from_document(
        {
            "name": name,
            "hyperparameters": [
                choice("batch_norm", [False, True], False),
                integer("batch_size", batch_sizes, 128, log=True),
                choice("global_avg_pooling", [False, True], True),
                choice("kernel_size", [3, 5, 7], 5),
                rate,
                integer("n_conv_0", widths, 128, log=True),
                integer("n_conv_l", (1, 3), 3, log=False),
                integer("n_fc_0", neurons, 32, log=True),
                integer("n_fc_l", (1, 3), 3, log=False),
                integer("n_conv_1", widths, 128, log=True),
                integer("n_conv_2", widths, 128, log=True),
                integer("n_fc_1", neurons, 32, log=True),
                integer("n_fc_2", neurons, 32, log=True),
            ],
            "conditions": [
                needs("n_conv_1", "n_conv_l", [2, 3]),
                needs("n_conv_2", "n_conv_l", [3]),
                needs("n_fc_1", "n_fc_l", [2, 3]),
                needs("n_fc_2", "n_fc_l", [3]),
            ],
            "forbiddens": [],
            "python_module_version": "1.2.0",
            "format_version": 0.4,
        }
    )


def metrics(
    *, classes: int, params_reference: float, macs: tuple[float, float], seconds: float
) -> tuple[Objective, ...]:
    """List what is recorded of every run; the default objectives are the first two.

    Parameters
    ----------
    classes
        Number of classes: a cross-entropy of log(classes) is what guessing scores.
    params_reference
        Reference of ``log10_params``.
    macs
        Ideal and reference of ``log10_macs``: all networks of the space lie between.
    seconds
        Reference of ``train_seconds``.
    """
    percent = (0.0, 100.0)
    return (
        Objective(name="val_error", unit="%", bounds=percent, reference=100.0, ideal=0.0),
        Objective(name="log10_params", unit="", bounds=(0.0, math.inf), reference=params_reference, ideal=2.0),
        Objective(name="val_loss", unit="nat", bounds=(0.0, 100.0), reference=math.log(classes), ideal=0.0),
        Objective(name="test_error", unit="%", bounds=percent, reference=100.0, ideal=0.0),
        Objective(name="log10_macs", unit="", bounds=(0.0, math.inf), reference=macs[1], ideal=macs[0]),
        Objective(name="train_seconds", unit="s", bounds=(0.0, math.inf), reference=seconds, ideal=0.0),
    )


def digits() -> Problem:
    """Build `digits`: scikit-learn's 8x8 digits, the paper's network and space with smaller layers."""
    shape = InputShape(channels=1, side=8, classes=10)
    recorded = metrics(classes=10, params_reference=7.0, macs=(3.0, 8.0), seconds=60.0)
    return Problem(
        name="digits",
        title="Handwritten digits, 8x8 pixels: small networks, full learning curves, seconds a run",
        space=paper_space("digits", widths=(4, 128), neurons=(4, 256), batch_sizes=(4, 256)),
        metrics=recorded,
        objectives=recorded[:2],
        max_epochs=25,
        known={"log10_params": Log10Params(shape), "log10_macs": Log10Macs(shape)},
        hints=NetworkHints(shape, images=1_000),
        budget_seconds=600.0,
        citation=CITATION,
    )


def flowers() -> Problem:
    """Build the paper's `flowers`: Oxford's 17 categories at 16x16 pixels."""
    return _papers_problem(
        "flowers",
        "17 kinds of flowers, 16x16 pixels: the seed paper's problem, minutes a run",
        InputShape(channels=3, side=16, classes=17),
        images=680,
        macs=(5.0, 10.0),
        seconds=10_000.0,
    )


def fashion() -> Problem:
    """Build the paper's `fashion`: Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747)."""
    return _papers_problem(
        "fashion",
        "Fashion-MNIST, 28x28 pixels: the seed paper's other problem, wants a GPU",
        InputShape(channels=1, side=28, classes=10),
        images=48_000,
        macs=(5.0, 11.0),
        seconds=86_400.0,
    )


def _papers_problem(
    name: str, title: str, shape: InputShape, *, images: int, macs: tuple[float, float], seconds: float
) -> Problem:
    """Build a problem in the paper's own space, with its reference point and budget; see `metrics`."""
    recorded = metrics(classes=shape.classes, params_reference=8.0, macs=macs, seconds=seconds)
    return Problem(
        name=name,
        title=title,
        space=paper_space(name, widths=(16, 1024), neurons=(2, 512), batch_sizes=(1, 512)),
        metrics=recorded,
        objectives=recorded[:2],
        max_epochs=25,
        known={"log10_params": Log10Params(shape), "log10_macs": Log10Macs(shape)},
        hints=NetworkHints(shape, images=images),
        budget_seconds=24 * 3600.0,
        citation=CITATION,
    )
