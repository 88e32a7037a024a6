"""Serving trees with onnxruntime: the only module that knows it.

A single row runs over buffers that are bound once for each calling thread: onnxruntime's own overhead is larger than
the trees. Large batches are cut into blocks, one thread each: left to divide the work itself, onnxruntime adds up trees
in another order for some rows, and an answer must not depend on how many were asked for.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .subgraph import keep_outputs

_BLOCK = 1024  # rows that one thread evaluates at a time


class ServedForests:
    """Some of the outputs of an ONNX model whose every output is a forest.

    Parameters
    ----------
    model
        Bytes of the model.
    heads
        Names of h outputs, in the order of the answers.
    width
        Number of features f.
    """

    def __init__(self, model: bytes, heads: Sequence[str], width: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        content = keep_outputs(model, heads)
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._heads, self._width = list(heads), width
        self._local = threading.local()

    def batch(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Evaluate rows (n, f); gives (n, h)."""
        if len(features) <= _BLOCK:
            return self._block(features)
        blocks = [features[start : start + _BLOCK] for start in range(0, len(features), _BLOCK)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.concatenate(list(pool.map(self._block, blocks)))

    def _block(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        outputs = self._session.run(self._heads, {"features": features})
        return np.concatenate(outputs, axis=1).astype(np.float64)

    def row(self) -> Callable[[list[float]], list[float]]:
        """Give a function that evaluates one row of f numbers and gives h numbers, for the calling thread only."""
        function: Callable[[list[float]], list[float]] | None = getattr(self._local, "row", None)
        if function is None:
            function = self._local.row = self._bind()
        return function

    def _bind(self) -> Callable[[list[float]], list[float]]:
        inputs = np.zeros((1, self._width), dtype=np.float32)
        outputs = [np.zeros((1, 1), dtype=np.float32) for _ in self._heads]
        binding = self._session.io_binding()
        binding.bind_ortvalue_input("features", onnxruntime.OrtValue.ortvalue_from_numpy(inputs))
        for name, output in zip(self._heads, outputs, strict=True):
            binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(output))
        pack = struct.Struct(f"{self._width}f").pack_into
        buffer = inputs.data.cast("B")
        results = [output.data.cast("B").cast("f") for output in outputs]
        # The wrapper's checks of its arguments would cost as much as the trees, options made anew a third of that.
        run, bound, options = self._session._sess.run_with_iobinding, binding._iobinding, onnxruntime.RunOptions()

        def row(numbers: list[float]) -> list[float]:
            pack(buffer, 0, *numbers)
            run(bound, options)
            return [result[0] for result in results]

        return row
