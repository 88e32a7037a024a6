"""``--paper``: the seed paper's protocol in one word (Guerrero-Viu et al. 2021, arXiv 2105.01015).

24 simulated hours; 10 seeds (likely, the paper does not say); trials of any number of epochs count; training on is
charged from scratch, because the paper's methods kept no checkpoints. The reference point is the problem's own, on
`flowers` and `fashion` the paper's (100 % error, 10^8 parameters).
"""

from __future__ import annotations

from ..problems.errors import InvalidArgument

SEEDS = 10
HOURS = 24.0


def check_paper(
    *,
    seeds: int | None,
    budget_hours: float | None,
    evaluations: int | None,
    objectives: str | None,
    policy: str | None,
    checkpointing: bool | None,
) -> None:
    """Check that nothing that is typed beside ``--paper`` contradicts it; None was not typed.

    Raises
    ------
    InvalidArgument
        If something does.
    """
    contradictions = {
        f"--seeds {seeds}": seeds not in (None, SEEDS),
        f"--budget-hours {budget_hours}": budget_hours not in (None, HOURS),
        f"--evaluations {evaluations}": evaluations is not None,
        f"--objectives {objectives}": objectives is not None,
        f"--policy {policy}": policy not in (None, "all"),
        "--checkpointing": checkpointing is True,
    }
    found = [option for option, contradicts in contradictions.items() if contradicts]
    if found:
        raise InvalidArgument(
            f"--paper is contradicted by {', '.join(found)}: it means --seeds {SEEDS} --budget-hours {HOURS:g} "
            "--policy all --no-checkpointing and the problem's own objectives; expected one or the other"
        )
