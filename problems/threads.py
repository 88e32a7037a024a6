"""One thread for linear algebra: the matrices of models are small, and races run side by side.

Several threads per race get in each other's way (measured on two busy cores: thirty times slower), and sums whose order
depends on the number of threads do not repeat to the last bit.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold the BLAS libraries of numpy and scipy, and torch where it is loaded, to one thread inside the block."""
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 1
    with _controller().limit(limits=1, user_api="blas"):
        if torch:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(threads)


@cache
def _controller() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401  brings a BLAS of its own, which the controller must find
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
