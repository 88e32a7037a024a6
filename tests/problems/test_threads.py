"""Linear algebra of models runs on one thread, and only theirs."""

from __future__ import annotations

from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

from bagbench.problems.threads import one_thread


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_every_blas_has_one_thread_inside_the_block_and_its_own_number_after_it() -> None:
    with one_thread():
        pass  # loads what there is
    before = blas_threads()
    with one_thread():
        assert set(blas_threads()) == {1}
    assert blas_threads() == before
