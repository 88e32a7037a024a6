"""Adam without its Python wrapper."""

from __future__ import annotations

import torch


class FusedAdam:
    """Adam (Kingma & Ba 2015) with torch's default settings: the kernel of ``torch.optim.Adam(fused=True)``.

    Called directly, because the optimizer's Python wrapper costs as much as a small network's forward pass. Steps
    are equal bit for bit.
    """

    def __init__(self, parameters: list[torch.nn.Parameter], learning_rate: float) -> None:
        self._parameters: list[torch.Tensor] = list(parameters)
        self._learning_rate = learning_rate
        self._means = [torch.zeros_like(parameter) for parameter in parameters]
        self._squares = [torch.zeros_like(parameter) for parameter in parameters]
        # The kernel only reads the step counts, so all parameters can share one.
        self._step = torch.zeros((), device=parameters[0].device)
        self._steps = [self._step] * len(parameters)

    @torch.no_grad()
    def step(self) -> None:
        """Take one step along the gradients, and drop them."""
        gradients: list[torch.Tensor] = [parameter.grad for parameter in self._parameters]  # type: ignore[misc]
        self._step += 1
        torch._fused_adam_(
            self._parameters,
            gradients,
            self._means,
            self._squares,
            [],
            self._steps,
            lr=self._learning_rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=0.0,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )
        for parameter in self._parameters:
            parameter.grad = None
