"""Devices: which there are, in what precision they compute, and what becomes of a run that does not fit on one."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from .environment import PRECISIONS, processor
from .errors import InvalidArgument, MissingExtra, UnknownName

try:
    import torch
except ModuleNotFoundError as error:
    raise MissingExtra.for_package("torch", "train", "the true trainer") from error

_CONTEXT = 2**29
"""Bytes that a process takes of a GPU's memory before it has allocated anything, at most."""

_NO_MEMORY = ("DefaultCPUAllocator", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
"""What torch says, in a plain RuntimeError, when an allocation failed elsewhere than in its allocator for GPUs."""


def pick_device(device: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda`` or ``cuda:N`` into a device that is there.

    Raises
    ------
    UnknownName
        If it is none of these.
    InvalidArgument
        If CUDA is asked for and there is none.
    """
    name, _, number = device.partition(":")
    if name not in ("auto", "cpu", "cuda") or (number and not number.isdigit()):
        raise UnknownName.among("device", device, ("auto", "cpu", "cuda"))
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise InvalidArgument("device 'cuda' asked for, but torch finds no GPU here: expected 'cpu' or 'auto'")
    return torch.device(device)


def list_devices(device: str) -> list[str]:
    """Name the devices that ``device`` stands for: ``cuda``, and ``auto`` where there are GPUs, for all of them.

    Raises
    ------
    UnknownName, InvalidArgument
        As `pick_device`.
    """
    picked = pick_device(device)
    if picked.type == "cuda" and ":" not in device:
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [str(picked)]


def share_memory(device: torch.device, runs: int) -> None:
    """Keep this process to its share of a GPU's memory, one of ``runs``: what fits does not depend on the neighbours.

    Raises
    ------
    InvalidArgument
        If so many cannot share the GPU.
    """
    total = torch.cuda.get_device_properties(device).total_memory
    share = total / runs - _CONTEXT
    if share <= 0:
        raise InvalidArgument(
            f"runs per device must leave each run more than {_CONTEXT >> 20} MiB of the GPU's {total >> 20} MiB, "
            f"got {runs}"
        )
    torch.cuda.set_per_process_memory_fraction(share / total, device)


def check_precision(precision: str, device: torch.device) -> None:
    """Refuse a precision that is none, or that ``device`` does not have.

    Raises
    ------
    UnknownName, InvalidArgument
        If so.
    """
    if precision not in PRECISIONS:
        raise UnknownName.among("precision", precision, PRECISIONS)
    if precision == "tf32" and device.type != "cuda":
        raise InvalidArgument(f"precision 'tf32' is that of GPUs, got device {device.type!r}: expected 'float32'")


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Give the context of a forward pass, which may be entered many times; `torch.autocast` for ``bf16``."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if precision == "bf16" else nullcontext()


@contextmanager
def products(precision: str, device: torch.device) -> Iterator[None]:
    """Let GPUs round the factors of float32 products to TF32 for ``tf32`` alone: torch does so in convolutions."""
    if device.type != "cuda":
        yield
        return
    convolutions, matrices = torch.backends.cudnn, torch.backends.cuda.matmul
    before = convolutions.allow_tf32, matrices.allow_tf32
    try:
        convolutions.allow_tf32 = matrices.allow_tf32 = precision == "tf32"
        yield
    finally:
        convolutions.allow_tf32, matrices.allow_tf32 = before


def computing(device: torch.device, threads: int, precision: str, runs_per_device: int) -> dict[str, str]:
    """Say with what runs are trained: torch's version, device, processor, runs on a GPU, threads, precision, clock."""
    on_cpu = device.type == "cpu"
    return {
        "torch": str(torch.__version__),  # a class of its own, which nobody could unpickle without torch
        "device": device.type,
        "processor": processor() if on_cpu else torch.cuda.get_device_name(device),
        **({} if on_cpu else {"runs_per_device": str(runs_per_device)}),
        "threads": str(threads),
        "precision": precision,
        "clock": "processor seconds" if on_cpu and threads == 1 else "real seconds",
    }


@contextmanager
def settings(device: torch.device, threads: int, precision: str) -> Iterator[None]:
    """Use so many threads, and flush denormals: dead units would slow training down many times. See `products`."""
    before, flushed = torch.get_num_threads(), flushes_denormals()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    try:
        with products(precision, device):
            yield
    finally:
        torch.set_flush_denormal(flushed)
        torch.set_num_threads(before)


def flushes_denormals() -> bool:
    """Tell whether this thread flushes denormals to zero; torch sets it, but has no question for it."""
    smallest = sys.float_info.min
    return smallest / 2 == 0.0


def ran_out_of_memory(error: BaseException) -> bool:
    """Tell whether ``error`` says that memory ran out, on a GPU or here."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)


def free_memory() -> None:
    """Give back what nothing refers to any more."""
    gc.collect()
    torch.cuda.empty_cache()  # does nothing where there is no GPU
