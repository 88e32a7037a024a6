"""Serving trees with onnxruntime: the only module that knows it.

A single row runs on one thread over buffers that are bound once for each calling thread: onnxruntime's own overhead
is larger than the trees. Large batches run over all cores. Sums are taken tree by tree either way, so a row's answer
does not depend on how it came.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import onnxruntime
from numpy.typing import NDArray

_FEW_ROWS = 256  # up to here one thread is faster than waking others


class OnnxModel:
    """An ONNX model opened for single rows; see `forests`."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.session = _open(content, threads=1)

    @property
    def metadata(self) -> str:
        """The metadata ``bagbench``, empty if there is none."""
        return str(self.session.get_modelmeta().custom_metadata_map.get("bagbench", ""))


class ServedForests:
    """Some of the heads of a model.

    Parameters
    ----------
    model
        What is served.
    heads
        Names of h heads, in the order of the answers.
    width
        Number of features f.
    """

    def __init__(self, model: OnnxModel, heads: Sequence[str], width: int) -> None:
        self._content, self._one = model.content, model.session
        self._heads, self._width = list(heads), width
        self._local = threading.local()
        self._options = onnxruntime.RunOptions()
        self._options.only_execute_path_to_fetches = True

    def batch(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Evaluate rows (n, f); gives (n, h)."""
        session = self._one if len(features) <= _FEW_ROWS else self._many
        outputs = session.run(self._heads, {"features": features}, self._options)
        return np.concatenate(outputs, axis=1).astype(np.float64)

    @property
    def row(self) -> Callable[[list[float]], list[float]]:
        """A function that evaluates one row of f numbers and gives h numbers, for use on the calling thread only."""
        function: Callable[[list[float]], list[float]] | None = getattr(self._local, "row", None)
        if function is None:
            function = self._local.row = self._bind()
        return function

    def _bind(self) -> Callable[[list[float]], list[float]]:
        inputs = np.zeros((1, self._width), dtype=np.float32)
        outputs = [np.zeros((1, 1), dtype=np.float32) for _ in self._heads]
        binding = self._one.io_binding()
        binding.bind_ortvalue_input("features", onnxruntime.OrtValue.ortvalue_from_numpy(inputs))
        for name, output in zip(self._heads, outputs, strict=True):
            binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(output))
        pack = struct.Struct(f"{self._width}f").pack_into
        buffer = memoryview(inputs).cast("B")
        results = [memoryview(output).cast("B").cast("f") for output in outputs]
        # The wrapper's checks of its arguments would cost as much as the trees.
        run, bound, options = self._one._sess.run_with_iobinding, binding._iobinding, self._options

        def row(numbers: list[float]) -> list[float]:
            pack(buffer, 0, *numbers)
            run(bound, options)
            return [result[0] for result in results]

        return row

    @cached_property
    def _many(self) -> onnxruntime.InferenceSession:
        return _open(self._content, threads=0)


def _open(content: bytes, *, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
