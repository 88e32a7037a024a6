"""A refit in Markdown: a section of the page of a validation."""

from __future__ import annotations

from collections.abc import Iterator

from .held_out import FOLDS
from .refit import SURROGATE_FILE, TABLE_FILE, Refit


def refit_section(refit: Refit, /) -> str:
    """Write the section, which ends with an empty line."""
    pairs = list(zip(refit.before, refit.after, strict=True))
    pairs.insert(1, (refit.best_before, refit.best_after))
    names = [f"{before.name}{f' ({before.unit})' if before.unit else ''}" for before, _ in pairs]
    names[1] += ", best half"
    return "\n".join(
        [
            "## Refitted",
            "",
            refit.sentence,
            "",
            f"The base table has {refit.base_runs:,} runs. {refit.judged:,} configurations with new runs were dealt "
            f"into {min(FOLDS, refit.judged)} groups; each was predicted by two surrogates that had seen no run of its "
            "group, one of the base table and one also of the new runs of the other groups. Errors are true minus "
            "predicted; the best half is of those configurations that the races took for best.",
            "",
            "| | Kendall tau, before | after | bias, before | after | RMSE, before | after |",
            "|---|---:|---:|---:|---:|---:|---:|",
            *(
                f"| {name} | {before.kendall_tau:.3f} | {after.kendall_tau:.3f} | {before.mean_error:+.3g} | "
                f"{after.mean_error:+.3g} | {before.rmse:.3g} | {after.rmse:.3g} |"
                for name, (before, after) in zip(names, pairs, strict=True)
            ),
            "",
            "| optimizer | judged | hypervolume, before | after | true | whole fronts | hypervolume, as raced | "
            "refitted | difference |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
            *_methods(refit),
            "",
            f"The surrogate that has learnt from all of it is `{SURROGATE_FILE}`, its table `{TABLE_FILE}`. Its "
            "predictions of whole fronts are not held against anything: it has seen part of them. Seconds of the new "
            "runs are those of the machine that trained them.",
            "",
        ]
    )


def _methods(refit: Refit) -> Iterator[str]:
    for method in refit.methods:
        yield (
            f"| `{method.optimizer}` | {method.judged:,} | {method.before:.2f} | {method.after:.2f} | "
            f"{method.true:.2f} | {method.claimed:,} | {method.raced:.2f} | {method.refitted:.2f} | "
            f"{method.refitted - method.raced:+.2f} |"
        )
