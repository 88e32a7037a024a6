"""``bagbench populate``: train many configurations and keep their curves in a table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..problems import get_problem
from ..problems.errors import InvalidArgument
from ..tables.designs import TARGET_SECONDS, Plan
from .console import Bar, remark
from .options import check_positive, check_suffix


class _Counted:
    """Passes progress on to a bar and remembers how much was done since the start."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._first: float | None = None
        self.added = 0.0

    def update(self, done: float, total: float | None = None, note: str = "") -> None:
        self._first = done if self._first is None else self._first
        self.added = done - self._first
        self._bar.update(done, total, note)


def populate(
    problem: Annotated[str, typer.Argument(help="Name of a problem with a trainer, e.g. digits.")],
    runs: Annotated[int, typer.Option(help="Number of runs the table shall hold in the end.")],
    out: Annotated[Path, typer.Option(help="The table, *.h5; its journal lies beside it until it is merged.")],
    design: Annotated[str | None, typer.Option(help="random (default), sobol or cost-aware.")] = None,
    replicates: Annotated[
        float | None,
        typer.Option(help="Share of the runs that repeat a configuration, 0.1 by default; 0.9: ten runs of each."),
    ] = None,
    target_seconds: Annotated[
        float | None,
        typer.Option(
            help="cost-aware: dearer configurations are drawn less often. Default: digits 1, flowers 20, fashion 60."
        ),
    ] = None,
    design_seed: Annotated[int | None, typer.Option(help="Seed of the design, 0 by default.")] = None,
    jobs: Annotated[
        int | None,
        typer.Option(help="Runs at once, 1 by default: local processes with one thread each, or on the cluster."),
    ] = None,
    scheduler: Annotated[str | None, typer.Option(help="Train on the Dask cluster of this scheduler.")] = None,
    resources: Annotated[
        str | None, typer.Option(help="What a run takes of a Dask worker's resources, e.g. GPU=1.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda (all GPUs, dealt out in turn) or cuda:N.")] = "auto",
    runs_per_device: Annotated[
        int | None, typer.Option(help="Runs that share a GPU, each in a process with its share of the memory.")
    ] = None,
    precision: Annotated[str | None, typer.Option(help="float32 (default), tf32 or bf16; one for a table.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of every run; by default as many as PROBLEM has.")] = None,
    share: Annotated[
        str, typer.Option(help="K/N: this machine's part of the runs, the Kth of N, where machines share no files.")
    ] = "1/1",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a table or journal that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Train configurations of PROBLEM for real and keep every learning curve in a table.

    Killing it at any moment loses at most the runs in flight: start it again with --resume. Several of these may
    work on the same table at once.
    """
    from ..tables.executor import open_executor
    from ..tables.merge import merge_journal
    from ..tables.populate import collect, settle_plan
    from ..tables.worker import calibrate, share_out

    get_problem(problem).check_epochs(epochs)
    check_suffix(out, ".h5")
    check_positive(target_seconds=target_seconds)
    taken, part = _resources(resources, scheduler), _part(share, runs)
    if scheduler is None:
        jobs, runs_per_device = share_out(device, jobs, runs_per_device)
    jobs = 1 if jobs is None else jobs
    said = {"seed": design_seed, "replicates": replicates, "epochs": epochs, "precision": precision}
    new = Plan(problem=problem, **{name: value for name, value in said.items() if value is not None})  # type: ignore[arg-type]

    def make_plan() -> Plan:
        if design != "cost-aware":
            if target_seconds is not None:
                raise InvalidArgument("--target-seconds is for --design cost-aware: leave it out")
            return replace(new, design=design or new.design)
        if target_seconds is None and problem not in TARGET_SECONDS:
            raise InvalidArgument(f"how much a run of {problem!r} should cost is not known: say --target-seconds")
        remark("calibrating: two epochs of a dozen configurations, to learn what they cost here")
        with open_executor(scheduler=scheduler, processes=True, resources=taken) as executor:
            cost = executor.submit(calibrate, problem, device, new.precision).result()
        return replace(new, design=design, cost=cost, target_seconds=target_seconds or TARGET_SECONDS[problem])

    asked = {**said, "problem": problem, "design": design, "target_seconds": target_seconds}
    plan = settle_plan(out, make_plan, resume=resume, **asked)
    interrupted = False
    # After an error nothing is merged: the journal keeps all there is, and nothing may mask what went wrong.
    with Bar("training", "runs") as bar:
        counted = _Counted(bar)
        try:
            with open_executor(jobs, scheduler=scheduler, processes=True, resources=taken) as executor:
                collect(
                    out,
                    plan,
                    part,
                    executor=executor,
                    jobs=jobs,
                    device=device,
                    runs_per_device=runs_per_device or 1,
                    progress=counted,
                )
        except KeyboardInterrupt:
            interrupted = True
    collected = int(counted.added)
    total = merge_journal(out)
    if as_json:
        typer.echo(json.dumps({"table": str(out), "collected": collected, "runs": total}))
    else:
        typer.echo(f"{collected} runs collected; {out} now holds {total}", err=True)
    if interrupted:
        typer.echo("interrupted: start the same command again with --resume to go on", err=True)
        raise typer.Exit(130)


def _part(share: str, runs: int) -> range:
    """Read ``K/N`` as every Nth of the runs, from the Kth on."""
    part, _, parts = share.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise InvalidArgument(f"--share must be K/N with K from 1 to N, such as 2/4, got {share!r}")
    return range(int(part) - 1, runs, int(parts))


def _resources(text: str | None, scheduler: str | None) -> dict[str, float]:
    """Read ``NAME=NUMBER,...``, as `dask worker --resources` takes it."""
    if text is None:
        return {}
    if scheduler is None:
        raise InvalidArgument(f"--resources {text} are those of a cluster's workers: expected --scheduler, too")
    try:
        return {name: float(number) for name, number in (pair.split("=") for pair in text.split(","))}
    except ValueError as error:
        raise InvalidArgument(f"--resources must be NAME=NUMBER, such as GPU=1, got {text!r}") from error
