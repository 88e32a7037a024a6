"""A surrogate's quality card, for the terminal: in short, or all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from .console import plain_table

_NOTE = (
    "Measured on configurations not seen in fitting, after the last epoch and over all epochs, for seconds of a whole\n"
    "training; in brackets the best that the noise between replicates allows."
)

_STEADY = "Seconds are predicted for a machine that is always equally fast; as measured, its speed drifted."


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
    _print_doubt(console, *next(iter(card["metrics"].items())))
    if "train_seconds as measured" in card["metrics"]:
        console.print(_STEADY)
    if "calibration" in card:
        console.print(_noise(card["calibration"]))


def print_full_card(console: Console, card: Mapping[str, Any]) -> None:
    """Print the whole card; what an older surrogate's card does not have is left out."""
    print_card(console, card)
    for name, scores in card["metrics"].items():
        if "by_epoch" in scores:
            _print_columns(console, f"{name} by epoch", scores["by_epoch"])
    if "calibration" in card:
        rows = card["calibration"]["collapse"]["table"]
        columns = {key: [row[key] for row in rows] for key in ("runs", "predicted", "share")}
        _print_columns(console, "Predicted probability of collapse, and how many runs collapsed", columns)
    if "regions" in card:
        _print_regions(console, card["regions"])
    if "front" in card:
        console.print(_front(card["front"]))
    if card.get("learning_curve"):
        curve = card["learning_curve"]
        title = f"{curve['metric']} by the number of runs learnt from, judged on {curve['judged']:,} others"
        _print_columns(console, title, curve["curve"])
        console.print(_doubling(curve["doubling"]))
    if "held_out" in card:
        _print_held_out(console, card["held_out"])
    if "true_races" in card:
        _print_true_races(console, card["true_races"])


def _print_columns(console: Console, title: str, columns: Mapping[str, Sequence[float | None]]) -> None:
    """Print lists of one length side by side."""
    table = plain_table(*(key.replace("_", " ") for key in columns))
    for row in zip(*columns.values(), strict=True):
        table.add_row(*(f"{value:,}" if isinstance(value, int) else _number(value) for value in row))
    _print_table(console, title, table)


def _print_table(console: Console, title: str, table: Table) -> None:
    console.print(f"\n{title}", style="bold")
    console.print(table)


def _print_regions(console: Console, regions: Mapping[str, Any]) -> None:
    table = plain_table("predicted to be<", "runs", "RMSE", "true less predicted", "Kendall tau")
    for name, scores in regions.items():
        if name != "metric":
            numbers = (_number(scores[key]) for key in ("rmse", "mean_error", "kendall_tau"))
            table.add_row(name.replace("_", " "), f"{scores['runs']:,}", *numbers)
    _print_table(console, f"{regions['metric']} by region", table)


def _print_held_out(console: Console, evidence: Mapping[str, Any]) -> None:
    """Print how good predictions are and could be, by runs of configurations that were run many times."""
    each = evidence["runs_of_each"]
    heads = ("R2", "share", "Kendall tau", "share", "of best order", "R2 of means")
    table = plain_table("metric<", *heads)
    for name, found in evidence["metrics"].items():
        single, ceiling, share = found["single_runs"], found["ceiling"], found["share_of_ceiling"]
        table.add_row(
            name,
            _beside(single["r2"], ceiling["r2"]),
            _doubted(share, "r2"),
            _beside(single["kendall_tau"], ceiling["kendall_tau"]),
            _doubted(share, "kendall_tau"),
            _doubted(share, "rank_tau"),
            _number(found["means"]["r2"]),
        )
    title = f"{evidence['configurations']:,} configurations that were not learnt from, {each} runs of each"
    _print_table(console, title, table)
    console.print(
        "In brackets the best that true means reach, then the share of it; the best order is of true expected ranks."
    )


def _print_true_races(console: Console, evidence: Mapping[str, Any]) -> None:
    """Print what races on the true trainer say: where optimizers went, and how their races ran."""
    table = plain_table(
        "visited by<", "trials", "in domain", "judged", "R2", "Kendall tau", "RMSE", "true less predicted"
    )
    for name, scores in evidence["visited"].items():
        numbers = (_number(scores[key]) for key in ("r2", "kendall_tau", "rmse", "mean_error"))
        inside = "-" if scores["in_domain"] is None else f"{scores['in_domain']:.0%}"
        table.add_row(name, f"{scores['visited']:,}", inside, f"{scores['judged']:,}", *numbers)
    _print_table(console, "Trials of races on the true trainer, none of which was learnt from", table)
    runs = evidence["trajectories"]
    table = plain_table("raced by<", "true hypervolume", "simulated", "lowest", "highest", "true races between<")
    for name, row in runs["final"].items():
        numbers = (f"{row[key]:.2f}" for key in ("true", "simulated", "low", "high"))
        table.add_row(name, *numbers, f"{row['within']} of {row['races']}")
    _print_table(console, "Races on the true trainer and on the surrogate", table)
    if (pace := evidence.get("times_as_long", 1.0)) != 1.0:
        console.print(
            f"True trainings took {pace:.2f} times as long as on the surrogate's machine, and are on its clock"
        )
    if ratios := seconds_ratios(evidence):
        console.print(
            f"{'True' if pace == 1.0 else 'On that clock,'} trainings took {_number(min(ratios))} to "
            f"{_number(max(ratios))} times as long as predicted (medians of the optimizers)"
        )
    seeds = f"medians of {runs['true_seeds']} and {runs['simulated_seeds']} seeds"
    console.print(f"Kendall tau of the two rankings, by {seeds}: {_number(runs['kendall_tau'])}")


def seconds_ratios(evidence: Mapping[str, Any]) -> list[float]:
    """List for each optimizer how many times as long as predicted its true trainings took; older cards do not tell."""
    found = (scores.get("seconds_ratio") for scores in evidence["visited"].values())
    return [ratio for ratio in found if ratio is not None]


def _front(front: Mapping[str, Any]) -> str:
    """Say what is left of the stored configurations' front in predictions."""
    share = "-" if front["hypervolume_share"] is None else f"{front['hypervolume_share']:.1%}"
    return (
        f"\nFront of the {front['configurations']:,} configurations: {front['true_front']} are on it, "
        f"{front['predicted_front']} are predicted to be; {front['recall']:.0%} of it are among those, "
        f"{front['recall_near']:.0%} are predicted to be near it;\nthose predicted to be on it truly cover {share} of "
        "its hypervolume. Most have one run only, so luck has its share in who is on it."
    )


def _doubling(gains: Mapping[str, float | None]) -> str:
    known = [f"{name} {gain:+.3f}" for name, gain in (("R2", gains["r2"]), ("tau", gains["kendall_tau"])) if gain]
    return f"Twice as many runs would change: {', '.join(known) or 'cannot be told'} (extrapolated)"


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


def _print_doubt(console: Console, name: str, scores: Mapping[str, Any]) -> None:
    """Say how sure the ceiling of a metric is; older cards do not know."""
    ceiling = scores["ceiling"]
    said = [
        f"{title} {ceiling[key]:.3f} +- {ceiling[f'{key}_error']:.3f}"
        for key, title in (("r2", "R2"), ("kendall_tau", "Kendall tau"))
        if ceiling.get(key) is not None and ceiling.get(f"{key}_error") is not None
    ]
    if said:
        pairs = f"{ceiling['pairs']:,.0f} pairs of replicates"
        console.print(f"Ceilings of {name} by {pairs}, with standard errors: {', '.join(said)}.", markup=False)
        console.print("That of tau supposes Gaussian noise, and may be too high where runs collapse or do not.")


def _doubted(values: Mapping[str, float | None], name: str) -> str:
    """Give a value with its standard error."""
    return f"{_number(values[name])} +- {_number(values[f'{name}_error'])}"


def _beside(score: float, ceiling: float | None) -> str:
    return f"{_number(score)} ({_number(ceiling)})"


def _number(score: float | None) -> str:
    if score is None:
        return "-"
    return f"{score:.3f}" if abs(score) < 10 else f"{score:.1f}"
