"""The words and tables of the report, section by section, as HTML."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from html import escape

from ..optimizers.catalogue import METHODS
from . import figures
from .card_figures import quality_figure, trajectories_figure
from .charts import all_progress, epochs, fronts, median_race, names_by_merit, ranks
from .difference import diagram
from .display import better_corner, duration
from .overview import with_full_stop
from .pairs import pair_by_pair
from .parallel import parallel
from .plotting import Cast, Figure
from .quality import card_tables, scores_table
from .races import Experiment
from .statistics import Spread
from .summary import COLUMNS, Score, Standing, Summary
from .tables import cell, fixed, number, table


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
    cast = Cast(names=names_by_merit(experiment, summary))
    several = len(cast.names) > 1
    return [
        _ranking(cast, summary),
        _progress(experiment, summary, cast),
        *(_fronts(experiment, cast) if len(experiment.problem.objectives) > 1 else []),
        *(_ranks(experiment, cast) if several else []),
        *_difference(summary, cast),
        _epochs(experiment, cast),
        _timeline(experiment, summary),
        *_quality(experiment),
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
    if experiment.policy != "full":
        words += ["--policy", experiment.policy]
    return shlex.join([*words, "--out", "DIR"])


def _ranking(cast: Cast, summary: Summary) -> Section:
    lead = (
        "Hypervolume is how much of the space between the problem&rsquo;s fixed reference and ideal points a front "
        "covers: larger is better. Medians over seeds, with the range of the middle half of the races below. "
        "Click a heading to sort."
    )
    tested = any(math.isfinite(line.test_hypervolume.median) for line in summary.standings)
    rows = "".join(_standing(cast, line, tested=tested) for line in summary.standings)
    heads = (
        ("#", ""),
        ("optimizer", "text"),
        ("hypervolume", ""),
        ("% of ideal", ""),
        ("regret", ""),
        *([("test", "")] if tested else []),
        ("IGD+", ""),
        ("rank", ""),
        ("trials", ""),
        ("trainings", ""),
        ("simulated", ""),
        ("real", ""),
    )
    notes = (
        f"<p>Regret is the hypervolume missing to the {escape(summary.goal.name)}. IGD+ is the mean distance to the "
        "pooled front of this experiment, scaled to the same box: smaller is better. Ranks are averages over seeds; "
        "trials, trainings (all epochs trained, over those of one full training) and times are those of one race."
        f"{' Test: hypervolume of the same networks when their test error counts.' if tested else ''}</p>"
        f"{_imitations(summary)}"
    )
    title = "Who is ahead" if len(cast.names) > 1 else "What was achieved"
    body = table(heads, rows, "ranking-table") + notes + pair_by_pair(summary)
    return Section(name="ranking", title=title, lead=lead, body=body)


def _imitations(summary: Summary) -> str:
    """Say which of the methods are not what their papers describe."""
    raced = [line.optimizer for line in summary.standings]
    imitations = [escape(name) for name in raced if name in METHODS and METHODS[name].kind == "imitation"]
    if not imitations:
        return ""
    return (
        f"<p>Imitations: {', '.join(imitations)}. In their papers networks inherit weights, which no benchmark of "
        "finished trainings can answer; here every network is trained from scratch.</p>"
    )


def _standing(cast: Cast, line: Standing, *, tested: bool) -> str:
    shade = f'<span class="swatch" style="background:var({cast.colour(line.optimizer)})"></span>'
    share = 100.0 * line.normalized_hypervolume.median
    cells = (
        cell(line.place, str(line.place)),
        cell(line.optimizer, shade + escape(line.optimizer), "text"),
        cell(line.hypervolume.median, _spread(line.hypervolume)),
        cell(share, f"{share:.2f}"),
        cell(line.regret.median, f"{line.regret.median:.2f}"),
        *([cell(line.test_hypervolume.median, number(line.test_hypervolume.median))] if tested else []),
        cell(line.igd_plus.median, fixed(line.igd_plus.median)),
        cell(line.average_rank, f"{line.average_rank:.2f}"),
        cell(line.evaluations, f"{line.evaluations:,.0f}"),
        cell(line.trainings, f"{line.trainings:,.1f}"),
        cell(line.simulated_seconds, duration(line.simulated_seconds)),
        cell(line.wall_seconds, duration(line.wall_seconds)),
    )
    kind = "best" if line.place == 1 else ""
    return f'<tr class="{kind}">{"".join(cells)}</tr>'


def _progress(experiment: Experiment, summary: Summary, cast: Cast) -> Section:
    counted = "Only trials trained to full fidelity count" if experiment.policy == "full" else "All trials count"
    return Section(
        name="hypervolume",
        title="Progress over time",
        lead="The line is the median over seeds, the band the middle half of the races. A line that is higher earlier "
        f"reaches good trade-offs with less training. {counted}. Over trials or full trainings, a line ends where the "
        "first of its races does.",
        figure=figures.hypervolume_over_cost(cast, all_progress(experiment, summary)),
    )


def _ranks(experiment: Experiment, cast: Cast) -> list[Section]:
    chart = ranks(experiment, cast.names)
    if chart is None:
        return []
    section = Section(
        name="rank",
        title="Rank over time",
        lead="Within each seed the optimizers are ranked by hypervolume at every moment, then ranks are averaged: "
        "lines that cross are methods whose order depends on the budget.",
        figure=figures.rank_over_time(cast, chart),
    )
    return [section]


def _difference(summary: Summary, cast: Cast) -> list[Section]:
    result = summary.friedman
    if result is None:
        return []
    section = Section(
        name="difference",
        title="Who can be told apart",
        lead="Average ranks at the end of the races, 1 being best. A bar joins optimizers whose ranks are too close to "
        f"call. {escape(with_full_stop(result.sentence))}",
        figure=figures.critical_difference(cast, diagram(result)),
    )
    return [section]


def _fronts(experiment: Experiment, cast: Cast) -> list[Section]:
    corner = better_corner(*experiment.problem.objectives[:2])
    attained = " The line is what at least half of its races attain." if len(experiment.problem.objectives) == 2 else ""
    found = Section(
        name="fronts",
        title="The networks they found",
        lead="Each point is a trade-off that no other race of the same optimizer beats; towards the "
        f"{corner} is better. Point at one to see its configuration.{attained}",
        figure=figures.final_fronts(cast, fronts(experiment, cast.names), experiment),
    )
    chart = parallel(experiment, cast.names)
    if not len(chart.losses):
        return [found]
    first = escape(chart.scales[0].name)
    across = Section(
        name="parallel",
        title="What the best networks have in common",
        lead=f"The front of all races together, a line for each configuration, coloured by {first}: where lines meet, "
        "good networks agree; where their colours part, the parameter trades one objective for another. "
        "Point at a line to see it alone.",
        figure=figures.parallel_coordinates(chart, experiment),
    )
    return [found, across]


def _epochs(experiment: Experiment, cast: Cast) -> Section:
    return Section(
        name="epochs",
        title="Where the epochs went",
        lead="How many trainings of a race ran each epoch; the area under a line is all that was trained. A flat line "
        "trains everything to the end, a falling one gives up on poor configurations early.",
        figure=figures.epochs_spent(cast, epochs(experiment, cast.names)),
    )


def _timeline(experiment: Experiment, summary: Summary) -> Section:
    race = median_race(experiment, summary)
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


def _quality(experiment: Experiment) -> list[Section]:
    """Show the quality card, without the curves that its figures show, and how races ran in truth if it tells."""
    card = experiment.card
    if not card:
        return []
    section = Section(
        name="quality",
        title="How good the surrogate is",
        lead="The races asked a surrogate, not the true trainer. This card says how well it predicts real trainings "
        "that it has not seen; no surrogate can do better than the noise between replicates allows.",
        figure=quality_figure(card),
        body=f"{scores_table(card)}<details><summary>The whole card in numbers</summary>{card_tables(card)}</details>",
    )
    drawn = trajectories_figure(card)
    if drawn is None:
        return [section]
    seeds = card["true_races"]["trajectories"]["true_seeds"]  # type: ignore[index]
    truth = Section(
        name="truth",
        title="The same races in truth",
        lead="Solid lines are races on the true trainer, dashed ones the medians of races on the surrogate, with the "
        f"range of all of them. {'One true race' if seeds == 1 else f'{seeds} true races'} of each optimizer "
        f"{'is' if seeds == 1 else 'are'} behind this; none of what was visited there was learnt from.",
        figure=drawn,
    )
    return [section, truth]


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
        f"{table(heads, rows, 'scores')}</details>",
    )


def _score_cells(score: Score) -> list[str]:
    cells = []
    for name in COLUMNS:
        value = getattr(score, name)
        shown = f'<span class="digest">{value[:12]}</span>' if name == "digest" else escape(number(value))
        cells.append(cell(value, shown, "text" if isinstance(value, str) else ""))
    return cells


def _spread(spread: Spread) -> str:
    return f"{spread.median:.2f} <small>{spread.lower:.2f} to {spread.upper:.2f}</small>"
