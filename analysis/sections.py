"""The words and tables of the report, section by section, as HTML."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from html import escape

from . import figures
from .display import duration
from .overview import p_value_text, with_full_stop
from .plotting import Figure, colour
from .quality import card_tables
from .races import Experiment, Race
from .statistics import Comparison, Spread
from .summary import COLUMNS, Score, Standing, Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section of the page; texts are HTML."""

    name: str
    title: str
    lead: str
    """What to look at, in plain words."""
    figure: Figure | None = None
    body: str = ""


def all_sections(experiment: Experiment, summary: Summary, /) -> list[Section]:
    """List the sections below the overview, in the order in which questions come."""
    several = len(experiment.optimizers) > 1
    return [
        _ranking(experiment, summary),
        _progress(experiment),
        *([_fronts(experiment)] if len(experiment.problem.objectives) > 1 else []),
        *([_ranks(experiment)] if several else []),
        _epochs(experiment),
        _timeline(experiment, summary),
        *([_quality(experiment)] if experiment.card else []),
        _reproduction(experiment, summary),
    ]


def command(experiment: Experiment, /) -> str:
    """Give the command that runs the experiment again."""
    settings = experiment.settings
    words = ["bagbench", "compare", settings["problem"], "--optimizers", ",".join(settings["optimizers"])]
    words += ["--seeds", str(len(settings["seeds"]))]
    if settings["budget_seconds"] is not None:
        words += ["--budget-hours", f"{settings['budget_seconds'] / 3600:.15g}"]
    if settings["budget_evaluations"] is not None:
        words += ["--evaluations", str(settings["budget_evaluations"])]
    if settings["workers"] != 1:
        words += ["--workers", str(settings["workers"])]
    words += ["--source", settings["source"]]
    if settings["noise"] != "mean":
        words += ["--noise", settings["noise"]]
    if settings["objectives"] is not None:
        words += ["--objectives", ",".join(settings["objectives"])]
    if not settings["checkpointing"]:
        words += ["--no-checkpointing"]
    return shlex.join([*words, "--out", "DIR"])


def _ranking(experiment: Experiment, summary: Summary) -> Section:
    many = len(summary.standings) > 1
    lead = (
        "Hypervolume is how much of the space between the problem&rsquo;s fixed reference and ideal points a front "
        "covers: larger is better. Medians over seeds, with the range of the middle half of the races below. "
        "Click a heading to sort."
    )
    rows = "".join(_standing(experiment, line) for line in summary.standings)
    heads = (
        ("#", ""),
        ("optimizer", "text"),
        ("hypervolume", ""),
        ("% of ideal", ""),
        ("IGD+", ""),
        ("average rank", ""),
        ("trials", ""),
        ("simulated", ""),
        ("real", ""),
    )
    pairs = "".join(f"<li>{_pair(pair)}</li>" for pair in summary.comparisons)
    sentences = f'<h3>Pair by pair</h3><ul class="plain">{pairs}</ul>' if pairs else ""
    notes = (
        "<p>IGD+ is the mean distance to the pooled front of this experiment, scaled to the same box: smaller is "
        "better. Average rank, trials and times are per race.</p>"
    )
    title = "Who is ahead" if many else "What was achieved"
    return Section(
        name="ranking", title=title, lead=lead, body=_table(heads, rows, "ranking-table") + notes + sentences
    )


def _standing(experiment: Experiment, line: Standing) -> str:
    shade = f'<span class="swatch" style="background:var({colour(experiment, line.optimizer)})"></span>'
    share = 100.0 * line.normalized_hypervolume.median
    cells = (
        _cell(line.place, str(line.place)),
        _cell(line.optimizer, shade + escape(line.optimizer), "text"),
        _cell(line.hypervolume.median, _spread(line.hypervolume)),
        _cell(share, f"{share:.2f}"),
        _cell(line.igd_plus.median, _fixed(line.igd_plus.median)),
        _cell(line.average_rank, f"{line.average_rank:.2f}"),
        _cell(line.evaluations, f"{line.evaluations:,.0f}"),
        _cell(line.simulated_seconds, duration(line.simulated_seconds)),
        _cell(line.wall_seconds, duration(line.wall_seconds)),
    )
    kind = "best" if line.place == 1 else ""
    return f'<tr class="{kind}">{"".join(cells)}</tr>'


def _progress(experiment: Experiment) -> Section:
    counted = "Only trials trained to full fidelity count" if experiment.policy == "full" else "All trials count"
    return Section(
        name="hypervolume",
        title="Progress over simulated time",
        lead="The line is the median over seeds, the band the middle half of the races. A line that is higher earlier "
        f"reaches good trade-offs with less training. {counted}.",
        figure=figures.hypervolume_over_time(experiment),
    )


def _ranks(experiment: Experiment) -> Section:
    return Section(
        name="rank",
        title="Rank over time",
        lead="Within each seed the optimizers are ranked by hypervolume at every moment, then ranks are averaged: "
        "lines that cross are methods whose order depends on the budget.",
        figure=figures.rank_over_time(experiment),
    )


def _fronts(experiment: Experiment) -> Section:
    attained = " The line is what at least half of its races attain." if len(experiment.problem.objectives) == 2 else ""
    return Section(
        name="fronts",
        title="The networks they found",
        lead="Each point is a trade-off that no other race of the same optimizer beats; towards the lower left is "
        f"better. Point at one to see its configuration.{attained}",
        figure=figures.final_fronts(experiment),
    )


def _epochs(experiment: Experiment) -> Section:
    return Section(
        name="epochs",
        title="Where the epochs went",
        lead="How many trainings of a race ran each epoch; the area under a line is all that was trained. A flat line "
        "trains everything to the end, a falling one gives up on poor configurations early.",
        figure=figures.epochs_spent(experiment),
    )


def _timeline(experiment: Experiment, summary: Summary) -> Section:
    race = _median_race(experiment, summary)
    workers = race.history.workers
    busy = float((race.history.finished - race.history.started).sum()) / (workers * race.simulated_seconds)
    return Section(
        name="timeline",
        title="One race, trial by trial",
        lead=f"The median race of {escape(race.optimizer)} (seed {race.seed}). Each bar is a trial: as wide as it "
        f"took, as high as the epochs that it reached. {'Its worker was' if workers == 1 else 'Its workers were'} busy "
        f"{100 * busy:.3g}% of the time.",
        figure=figures.worker_timeline(experiment, race),
    )


def _quality(experiment: Experiment) -> Section:
    return Section(
        name="quality",
        title="How good the surrogate is",
        lead="The races asked a surrogate, not the true trainer. This card says how well it predicts real trainings "
        "that it has not seen; no surrogate can do better than the noise between replicates allows.",
        body=card_tables(experiment.card),
    )


def _reproduction(experiment: Experiment, summary: Summary) -> Section:
    versions = ", ".join(f"{name} {version}" for name, version in experiment.versions.items())
    problem, settings = experiment.problem, experiment.settings
    pairs = (
        ("problem", problem.title),
        ("versions", versions),
        ("benchmark", f"{settings['source']} {settings['benchmark_sha256']}"),
        ("objectives", ", ".join(problem.objective_names)),
        ("reference point", ", ".join(f"{x:g}" for x in problem.reference_point)),
        ("ideal point", ", ".join(f"{x:g}" for x in problem.ideal_point)),
        ("citation", problem.citation),
    )
    facts = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in pairs if value)
    rows = "".join("<tr>" + "".join(_score_cells(score)) + "</tr>" for score in summary.scores)
    heads = tuple((name, "text" if name in ("optimizer", "digest") else "") for name in COLUMNS)
    return Section(
        name="reproduce",
        title="How to reproduce this",
        lead="The same command with the same versions gives the same races to the last bit: equal digests, equal "
        "races.",
        body=f'<pre><code>{escape(command(experiment))}</code></pre><dl class="pairs">{facts}</dl>'
        f"<details><summary>All {len(summary.scores)} races in numbers, as in summary.csv</summary>"
        f"{_table(heads, rows, 'scores')}</details>",
    )


def _pair(pair: Comparison) -> str:
    chance = f"Vargha-Delaney A<sub>12</sub> = {pair.a12:.2f}"
    return f"{escape(with_full_stop(pair.sentence))}<small>{p_value_text(pair)}; {chance}</small>"


def _median_race(experiment: Experiment, summary: Summary) -> Race:
    """Choose the winner's race of median hypervolume (the lower one of two)."""
    best = summary.standings[0].optimizer
    scores = sorted((s for s in summary.scores if s.optimizer == best), key=lambda s: s.hypervolume)
    seed = scores[(len(scores) - 1) // 2].seed
    return next(race for race in experiment.of(best) if race.seed == seed)


def _score_cells(score: Score) -> list[str]:
    cells = []
    for name in COLUMNS:
        value = getattr(score, name)
        shown = f'<span class="digest">{value[:12]}</span>' if name == "digest" else escape(_number(value))
        cells.append(_cell(value, shown, "text" if isinstance(value, str) else ""))
    return cells


def _table(heads: tuple[tuple[str, str], ...], rows: str, name: str) -> str:
    head = "".join(f'<th scope="col" class="{kind}">{escape(text)}</th>' for text, kind in heads)
    return (
        f'<div class="scroll"><table class="sortable" id="{name}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cell(value: object, shown: str, kind: str = "") -> str:
    """Make a cell that sorts by ``value``, whatever it shows."""
    return f'<td class="{kind}" data-value="{escape(str(value))}">{shown}</td>'


def _spread(spread: Spread) -> str:
    return f"{spread.median:.2f} <small>{spread.lower:.2f} to {spread.upper:.2f}</small>"


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "—"
    return str(value)


def _fixed(value: float) -> str:
    """Write a number below 1, aligned with others of its column."""
    return f"{value:.4f}" if math.isfinite(value) else "—"
