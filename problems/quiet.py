"""Silence for libraries that talk while they work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Let Optuna log warnings only, inside the block; outside its verbosity is the user's."""
    from optuna.logging import WARNING, get_verbosity, set_verbosity

    verbosity = get_verbosity()
    set_verbosity(max(verbosity, WARNING))
    try:
        yield
    finally:
        set_verbosity(verbosity)
