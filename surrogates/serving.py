"""Serving a surrogate file's model with onnxruntime: the only module that knows it.

A single row runs over buffers that are bound once for each calling thread: onnxruntime's own overhead is larger than
the model. Large batches are cut into blocks, one thread each: left to divide the work itself, onnxruntime adds up trees
in another order for some rows, and an answer must not depend on how many were asked for.
"""

from __future__ import annotations

import math
import os
import struct
import threading
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from operator import itemgetter

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .subgraph import keep_outputs

_BLOCK = 1024  # rows that one thread evaluates at a time


def picking(places: Sequence[int]) -> Callable[[Sequence[float]], Sequence[float]]:
    """Make the function that takes the items at ``places`` of what it is given."""
    return itemgetter(*places) if len(places) > 1 else itemgetter(slice(places[0], places[0] + 1))


class Rows(threading.local):
    """The function that evaluates one row, bound anew in each thread that asks for it."""

    def __init__(self, bind: Callable[[], Callable[[list[float]], Sequence[float]]]) -> None:
        self.evaluate = bind()


class Served:
    """Some of the outputs of an ONNX model whose outputs are numbers, one row of them for each row of features.

    Parameters
    ----------
    model
        Bytes of the model.
    outputs
        Names of outputs; their columns are put side by side.
    width
        Number of features f.
    columns
        The answers h among them; by default all.
    missing
        What takes the place of a feature that is NaN; it is less than any that is not.
    """

    def __init__(
        self,
        model: bytes | memoryview,
        outputs: Sequence[str],
        width: int,
        *,
        columns: Sequence[int] | None = None,
        missing: float = math.nan,
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        content = keep_outputs(model, outputs)
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        widths = {output.name: output.shape[1] for output in self._session.get_outputs()}
        self._ends = [0, *accumulate(widths[name] for name in outputs)]
        self._columns = list(range(self._ends[-1]) if columns is None else columns)
        self._outputs, self._width, self._missing = list(outputs), width, np.float32(missing)
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
        answers = self._session.run(self._outputs, {"features": np.fmax(features, self._missing)})
        return np.concatenate(answers, axis=1)[:, self._columns].astype(np.float64)

    def _bind(self) -> Callable[[list[float]], Sequence[float]]:
        inputs, outputs = (np.zeros((1, n), dtype=np.float32) for n in (self._width, self._ends[-1]))
        binding = self._session.io_binding()
        binding.bind_ortvalue_input("features", onnxruntime.OrtValue.ortvalue_from_numpy(inputs))
        for name, (start, end) in zip(self._outputs, pairwise(self._ends), strict=True):
            binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(outputs[:, start:end]))
        pack, fill = struct.Struct(f"{self._width}f").pack_into, np.fmax
        buffer, missing = inputs.data.cast("B"), np.full_like(inputs, self._missing)
        answers: Callable[[], list[float]] = outputs.data.cast("B").cast("f").tolist  # type: ignore[assignment]
        pick = picking(self._columns)
        # The wrapper's checks of its arguments would cost as much as the model, options made anew a third of that.
        run, bound, options = self._session._sess.run_with_iobinding, binding._iobinding, onnxruntime.RunOptions()

        def row(numbers: list[float]) -> Sequence[float]:
            pack(buffer, 0, *numbers)
            fill(inputs, missing, inputs)
            run(bound, options)
            return pick(answers())

        return row
