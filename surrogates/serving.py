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

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .subgraph import keep_outputs

_BLOCK = 1024  # rows that one thread evaluates at a time


class Rows(threading.local):
    """The function that evaluates one row, bound anew in each thread that asks for it."""

    def __init__(self, bind: Callable[[], Callable[[list[float]], list[float]]]) -> None:
        self.evaluate = bind()


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

    def __init__(self, model: bytes | memoryview, heads: Sequence[str], width: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        content = keep_outputs(model, heads)
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._heads, self._width = list(heads), width
        self.rows = Rows(self._bind)
        """``rows.evaluate`` takes the f numbers of one row and gives its h answers."""

    def batch(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Evaluate rows (n, f); gives (n, h)."""
        if len(features) <= _BLOCK:
            return self._block(features)
        from concurrent.futures import ThreadPoolExecutor  # a hundredth of the time that a first answer takes

        blocks = [features[start : start + _BLOCK] for start in range(0, len(features), _BLOCK)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.concatenate(list(pool.map(self._block, blocks)))

    def _block(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        outputs = self._session.run(self._heads, {"features": features})
        return np.concatenate(outputs, axis=1).astype(np.float64)

    def _bind(self) -> Callable[[list[float]], list[float]]:
        inputs, outputs = (np.zeros((1, n), dtype=np.float32) for n in (self._width, len(self._heads)))
        binding = self._session.io_binding()
        binding.bind_ortvalue_input("features", onnxruntime.OrtValue.ortvalue_from_numpy(inputs))
        for h, name in enumerate(self._heads):
            binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(outputs[:, h : h + 1]))
        pack = struct.Struct(f"{self._width}f").pack_into
        buffer = inputs.data.cast("B")
        answers: Callable[[], list[float]] = outputs.data.cast("B").cast("f").tolist  # type: ignore[assignment]
        # The wrapper's checks of its arguments would cost as much as the trees, options made anew a third of that.
        run, bound, options = self._session._sess.run_with_iobinding, binding._iobinding, onnxruntime.RunOptions()

        def row(numbers: list[float]) -> list[float]:
            pack(buffer, 0, *numbers)
            run(bound, options)
            return answers()

        return row
