"""The first screen of the report: who won, how sure that is, and at what cost."""

from __future__ import annotations

import re
from html import escape

from .display import duration
from .races import Experiment
from .statistics import Comparison, Spread
from .summary import Summary


def overview(experiment: Experiment, summary: Summary, /) -> str:
    """Say who won, how sure that is, and at what cost."""
    races, optimizers = experiment.races, _plural(len(experiment.optimizers), "optimizer")
    trained = sum(float((race.history.finished - race.history.started).sum()) for race in races)
    spent = sum(race.history.wall_seconds for race in races)
    facts = (
        (f"{len(races):,}", f"races: {optimizers}, {_plural(len(experiment.seeds), 'seed')}"),
        (f"{sum(race.evaluations for race in races):,}", "trainings evaluated"),
        (duration(trained), "of training, simulated"),
        (duration(spent), "of computing, really spent"),
    )
    warnings = [text for text in (summary.warning, still_missing(experiment)) if text]
    return "\n".join(
        [
            "<header>",
            f'<p class="eyebrow">bagbench race report &middot; {escape(_setting(experiment))}</p>',
            f"<h1>{_unbroken(escape(summary.headline))}</h1>",
            f'<p class="lead">{_verdict(summary)}</p>',
            *(f'<p class="warning">{escape(with_full_stop(text))}</p>' for text in warnings),
            '<dl class="facts">',
            *(f"<div><dt>{escape(label)}</dt><dd>{value}</dd></div>" for value, label in facts),
            "</dl>",
            "</header>",
        ]
    )


def _verdict(summary: Summary) -> str:
    """Put size and certainty of the lead into a paragraph."""
    best = summary.standings[0]
    sentence = (
        f"The median race of {escape(best.optimizer)} covers {100 * best.normalized_hypervolume.median:.1f}% of the "
        f"ideal hypervolume ({_plain(best.hypervolume)})"
    )
    nearest = next((pair for pair in summary.comparisons if pair.first == best.optimizer), None)
    if nearest is None:
        return f"{sentence}."
    second = next(line for line in summary.standings if line.optimizer == nearest.second)
    significant = "significant" if nearest.conclusive else "not significant"
    if nearest.reversed:
        significant = "significant, for the second"
    return (
        f"{sentence}, that of {escape(second.optimizer)} {100 * second.normalized_hypervolume.median:.1f}%. "
        "A random race of the first beats a random one of the second with "
        f"{100 * nearest.a12:.0f}% probability; the difference is {significant} ({p_value_text(nearest)})."
    )


def _setting(experiment: Experiment) -> str:
    """Describe the experiment in a line."""
    settings = experiment.settings
    parts = [experiment.problem.name]
    if settings["budget_evaluations"] is not None:
        parts.append(f"{settings['budget_evaluations']} trials a race")
    else:
        parts.append(f"{duration(settings['budget_seconds'] or experiment.problem.budget_seconds)} simulated a race")
    parts.append(_plural(settings["workers"], "worker"))
    parts.append(f"answers from the {settings['source']}")
    return " · ".join(parts)


def _unbroken(text: str) -> str:
    """Keep hyphenated names on one line."""
    return re.sub(r"\w+(-\w+)+", r'<span class="name">\g<0></span>', text)


def still_missing(experiment: Experiment, /) -> str | None:
    """Say how many races an experiment wants besides those that it has; None if it has all."""
    if not experiment.missing:
        return None
    return f"{_plural(experiment.missing, 'race')} still to be run: the same command goes on from here"


def _plain(spread: Spread) -> str:
    return f"{spread.median:.2f}, quartiles {spread.lower:.2f} to {spread.upper:.2f}"


def p_value_text(pair: Comparison, /) -> str:
    """Name the test and its outcome, as HTML."""
    shown = "&lt;&nbsp;0.0001" if pair.p_value < 0.0001 else f"=&nbsp;{pair.p_value:.2g}"
    return f"paired Wilcoxon test, Holm-corrected, <i>p</i>&nbsp;{shown}"


def with_full_stop(text: str, /) -> str:
    """End a sentence."""
    return text if text.endswith(".") else text + "."


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
