"""A study in Markdown: every optimizer of an experiment held against one baseline.

Holm's correction is over these comparisons alone, one per optimizer: they are the only ones that the study makes.
"""

from __future__ import annotations

from ..optimizers.catalogue import METHODS
from .display import duration
from .races import Experiment
from .sections import command
from .statistics import SIGNIFICANT, Comparison, compare_with
from .summary import Standing, Summary


def study(experiment: Experiment, summary: Summary, /, *, baseline: str, page: str) -> str:
    """Write the study; ``page`` is the file that it is for.

    Raises
    ------
    UnknownName
        If ``baseline`` has not raced.
    InvalidArgument
        If another optimizer has no seed in common with it.
    """
    comparisons = compare_with(summary.scores_by_seed, baseline)
    lines = [_line(line, comparisons.get(line.optimizer)) for line in summary.standings]
    return "\n".join(
        [
            f"# {len(experiment.optimizers)} optimizers on `{experiment.problem.name}`, {len(experiment.seeds)} seeds",
            "",
            setting(experiment),
            "",
            f"| # | optimizer | hypervolume | middle half | trials | own time | wins over {baseline} | p | A12 |",
            "|---:|---|---:|---|---:|---:|---:|---:|---:|",
            *lines,
            "",
            "*Hypervolume*: median over seeds, then the quartiles. *Own time*: what optimizer and benchmark took to "
            "compute one race; it is not on the simulated clock. *Wins*: seeds with a larger hypervolume than "
            f"{baseline}'s. *p*: two-sided paired Wilcoxon signed-rank test, Holm-corrected over the "
            f"{len(comparisons)} comparisons of this table; bold if below {SIGNIFICANT}. *A12*: the chance that a "
            f"random race beats a random race of {baseline} (Vargha and Delaney 2000).",
            "",
            *_conclusions(summary, comparisons, baseline),
            "",
            "Made by",
            "",
            "```sh",
            command(experiment).replace("--out DIR", "--out out/study"),
            f"python -m bagbench.scripts.study out/study {page}",
            "```",
            "",
            "with " + ", ".join(f"{package} {version}" for package, version in experiment.versions.items()) + ".",
            "",
        ]
    )


def setting(experiment: Experiment) -> str:
    """Say what each race had, who answered, and what hypervolumes are measured against."""
    settings = experiment.settings
    budget = settings["budget_seconds"] or experiment.problem.budget_seconds
    limit = (
        f"{settings['budget_evaluations']} trials"
        if settings["budget_evaluations"] is not None
        else f"{duration(budget)} of simulated training"
    )
    workers = settings["workers"]
    reference = ", ".join(f"{objective.name} {objective.reference:g}" for objective in experiment.problem.objectives)
    return (
        f"Each race has {limit} and {workers} {'worker' if workers == 1 else 'workers'}; answers come from the "
        f"{settings['source']}, noise `{settings['noise']}`. Hypervolume of the trials trained in full, against the "
        f"problem's fixed reference point ({reference})."
    )


def _line(line: Standing, comparison: Comparison | None) -> str:
    spread = line.hypervolume
    cells = [
        str(line.place),
        f"`{line.optimizer}`",
        f"{spread.median:.2f}",
        f"{spread.lower:.2f} to {spread.upper:.2f}",
        f"{line.evaluations:,.0f}",
        duration(line.wall_seconds),
    ]
    if comparison is None:
        cells += ["", "", ""]
    else:
        bold = "**" if comparison.p_value < SIGNIFICANT else ""
        cells += [
            f"{comparison.wins} of {comparison.seeds}",
            f"{bold}{comparison.p_value:.2g}{bold}",
            f"{comparison.a12:.2f}",
        ]
    return "| " + " | ".join(cells) + " |"


def _conclusions(summary: Summary, comparisons: dict[str, Comparison], baseline: str) -> list[str]:
    """Say in words who beats the baseline, who does not, and how ours stand against wrapped libraries."""
    better = [name for name, comparison in comparisons.items() if comparison.conclusive]
    worse = [name for name, comparison in comparisons.items() if comparison.reversed]
    open_ = [name for name in comparisons if name not in better and name not in worse]
    sentences = [
        f"- Better than {baseline} (p < {SIGNIFICANT}): {_names(better)}.",
        f"- Not told apart from {baseline}: {_names(open_)}.",
        f"- Worse than {baseline} (p < {SIGNIFICANT}): {_names(worse)}.",
    ]
    wrapped = [line for line in summary.standings if _is_wrapped(line.optimizer)]
    ours = [line for line in summary.standings if not _is_wrapped(line.optimizer)]
    if wrapped and ours:
        sentences.append(
            f"- The best of bagbench's own methods, `{ours[0].optimizer}`, has a median of "
            f"{ours[0].hypervolume.median:.2f}; the best wrapped library, `{wrapped[0].optimizer}`, "
            f"{wrapped[0].hypervolume.median:.2f}."
        )
    return sentences


def _is_wrapped(optimizer: str) -> bool:
    return optimizer in METHODS and bool(METHODS[optimizer].extra)


def _names(optimizers: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in optimizers) or "none"
