"""A surrogate's quality card, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from .console import plain_table

_NOTE = (
    "Measured on configurations not seen in fitting, after the last epoch and over all epochs, for seconds of a whole\n"
    "training; in brackets the best that the noise between replicates allows."
)


def print_card(console: Console, card: Mapping[str, Any]) -> None:
    """Print the card that `bagbench.surrogates.quality.quality_card` makes: scores beside their ceilings."""
    heads = ("metric<", "R2", "Kendall tau", "RMSE", "R2, all epochs", "tau, all epochs")
    table = plain_table(*heads)
    for name, scores in card["metrics"].items():
        last, ceiling, curve = scores["full_fidelity"], scores["ceiling"], scores.get("all_epochs", {})
        beside = [_beside(last[key], ceiling.get(key)) for key in ("r2", "kendall_tau", "rmse")]
        table.add_row(name, *beside, _number(curve.get("r2")), _number(curve.get("kendall_tau")))
    console.print(f"Quality card: {card['runs']:,} real runs of {card['configurations']:,} configurations")
    console.print(table)
    console.print(_NOTE)
    if "calibration" in card:
        console.print(_noise(card["calibration"]))


def _noise(evidence: Mapping[str, Any]) -> str:
    """Say how outcomes of one metric scatter about predictions, and how well the noise tells."""
    covered = " and ".join(
        f"{share:.1%} within their {float(level):.0%} intervals" for level, share in evidence["coverage"].items()
    )
    collapse = evidence["collapse"]
    return (
        f"Noise of {evidence['metric']}: {covered}; CRPS {_number(evidence['crps'])}, with one spread for all "
        f"{_number(evidence['crps_homoscedastic'])};\nabove {_number(collapse['limit'])} (collapsed) are "
        f"{collapse['share']:.1%}; Brier score of its probability {_number(collapse['brier'])}, of the share alone "
        f"{_number(collapse['brier_of_the_share'])}"
    )


def _beside(score: float, ceiling: float | None) -> str:
    return f"{_number(score)} ({_number(ceiling)})"


def _number(score: float | None) -> str:
    if score is None:
        return "-"
    return f"{score:.3f}" if abs(score) < 10 else f"{score:.1f}"
