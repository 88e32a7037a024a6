"""A validation in Markdown: the setting, what it comes to, every method and every configuration beside the truth."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .method_truth import MethodRanking, MethodTruth
from .races import Experiment
from .replicates import Interval
from .sections import command
from .study import setting
from .validation import Validation

PAGE_FILE = "validation.md"


def validation_page(
    experiment: Experiment, validation: Validation, ranking: MethodRanking, /, section: str = ""
) -> str:
    """Write the page, with a further section on a refit if there is one."""
    problem = experiment.problem
    error = ranking.methods[0].agreement
    unit = f" ({error.unit})" if error.unit else ""
    versions = ", ".join(f"{package} {version}" for package, version in experiment.versions.items())
    return "\n".join(
        [
            f"# What {len(experiment.optimizers)} optimizers found on `{problem.name}`, trained for real",
            "",
            f"{setting(experiment)} There are {len(experiment.seeds)} seeds of each optimizer.",
            "",
            " ".join(_trained(validation)),
            "",
            "## Verdicts",
            "",
            *(
                f"- {verdict}"
                for verdict in (validation.sentence, ranking.verdict, ranking.noise, ranking.loss, ranking.caution)
                if verdict
            ),
            "",
            "## Methods",
            "",
            "| optimizer | retrained | of | hypervolume, predicted | true | 95 % interval | difference | Kendall tau | "
            f"true minus predicted {error.name}{unit} |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
            *map(_method, ranking.methods),
            "",
            "Both hypervolumes of a method are of the same configurations: those of its final fronts, all seeds "
            f"together, that were retrained. Tau and error are in {error.name} of these; one that several methods "
            f"found counts for each. {_on_noise(ranking)}",
            "",
            *([section] if section else []),
            "## Configurations",
            "",
            *_configurations(validation),
            "",
            "Made by",
            "",
            "```sh",
            command(experiment).replace("--out DIR", f"--out out/{problem.name}"),
            f"bagbench validate out/{problem.name} --runs {len(validation.claims)} --seeds {validation.seeds}"
            f"{' --refit' if section else ''}",
            "```",
            "",
            *([f"Raced with {versions}.", ""] if versions else []),
        ]
    )


def _trained(validation: Validation) -> Iterator[str]:
    count = len(validation.claims)
    yield f"The union of the final fronts of all races holds {validation.claimed:,} configurations."
    seeds = "once" if validation.seeds == 1 else f"with {validation.seeds} seeds each"
    yield f"Of these, {count:,} were trained again with the true trainer, {seeds}; means over the seeds are compared."
    if validation.out_of_turn:
        yield (
            f"{validation.out_of_turn:,} of them had been retrained already, and are not those that the methods would "
            "have named in turn: started afresh, the commands below choose other ones."
        )
    if validation.failed:
        yield f"True trainings that failed, and are left out: {validation.failed:,}."


def _method(method: MethodTruth) -> str:
    cells = (
        f"`{method.optimizer}`",
        f"{method.trained:,}",
        f"{method.claimed:,}",
        f"{method.predicted_hypervolume:.2f}",
        f"{method.true_hypervolume:.2f}",
        interval(method.true_interval),
        number(method.change, "+.1f", " %"),
        number(method.kendall_tau, ".2f"),
        number(method.agreement.mean_error, "+.2f"),
    )
    return f"| {' | '.join(cells)} |"


def _on_noise(ranking: MethodRanking) -> str:
    if ranking.differences:
        return (
            "The interval is what other seeds of the same configurations would leave of the true hypervolume, by a "
            "bootstrap over the seeds; noise flatters a front, which the interval takes back, so it may lie below the "
            "number. It says nothing of other configurations."
        )
    return (
        "Gaps as small as what two trainings of the same network differ by tell nothing; with `--seeds 2` or more, "
        "intervals say how small that is."
    )


def _configurations(validation: Validation) -> Iterator[str]:
    """Known objectives once, the others and the seconds as predicted and as they are."""
    objectives = validation.problem.objectives
    heads = ["configuration"]
    for objective in objectives:
        known = objective.name in validation.problem.known
        heads += [objective.name] if known else [f"{objective.name}, predicted", "true"]
    heads += ["seconds, predicted", "true"]
    yield f"| {' | '.join(heads)} |"
    yield f"|---|{'---:|' * (len(heads) - 1)}"
    for claim, losses, seconds in zip(validation.claims, validation.losses, validation.seconds, strict=True):
        cells = [f"`{claim.digest}`"]
        for objective, predicted, true in zip(objectives, claim.losses, losses, strict=True):
            known = objective.name in validation.problem.known
            cells += [f"{true:.3f}"] if known else [f"{predicted:.2f}", f"{true:.2f}"]
        yield f"| {' | '.join([*cells, f'{claim.seconds:.2f}', f'{seconds:.2f}'])} |"


def interval(bounds: Interval) -> str:
    """Write an interval of a table; nothing where there is none."""
    low, high = bounds
    return "" if math.isnan(low) else f"{low:.2f} to {high:.2f}"


def number(value: float, form: str, unit: str = "") -> str:
    """Write a number of a table; nothing where there is none."""
    return "" if math.isnan(value) else f"{value:{form}}{unit}"
