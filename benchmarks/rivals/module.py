"""One cell as a PyTorch user trains it: a module, autograd, torch.optim.Adam.

Imports torch and NumPy alone, nothing of explorer's, so that a fresh process pays for no more than it must. The draws are
explorer's all the same: tests/benchmarks compares the losses.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from .task import Minimizer, Task


def prepare_torch(task: Task) -> None:
    """One thread a process, and a GPU's context, before anything is timed."""
    torch.set_num_threads(1)
    if task.device == "cuda":
        torch.cuda.init()


class StraightThroughSign(torch.autograd.Function):
    """sign(u) forward, the derivative of tanh(u / width) backward."""

    @staticmethod
    def forward(ctx, u: Tensor, width: float) -> Tensor:
        ctx.save_for_backward(u)
        ctx.width = width
        return torch.where(u < 0, -1.0, 1.0)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        (u,) = ctx.saved_tensors
        soft = torch.tanh(u / ctx.width)
        return gradient * (1 - soft * soft) / ctx.width, None


def activate(u: Tensor, task: Task) -> Tensor:
    """The code of a preactivation."""
    return StraightThroughSign.apply(u, task.surrogate_width) if task.activation == "sign" else torch.tanh(u)


def start(task: Task, seed: int) -> Tensor:
    """The encoder that explorer starts this seed from; the decoder starts at its transpose."""
    rows = torch.randn(task.dimension, task.dimension, generator=torch.Generator().manual_seed(seed))
    return rows / rows.norm(dim=1, keepdim=True)


class Draws:
    """A seed's uniforms and signs of one step after another, (sample, dim) each."""

    def __init__(self, task: Task, seed: int) -> None:
        self.task, self.seed, self.step = task, seed, 0
        self.generator = torch.Generator(task.device).manual_seed(seed)

    def next(self) -> tuple[Tensor, Tensor]:
        size = (self.task.batch, 2 * self.task.dimension)
        if self.task.draws == "native":
            uniform = torch.rand(size, generator=self.generator, device=self.task.device)
        else:
            philox = np.random.Philox(key=[self.seed, 0], counter=[0, 0, 0, self.step])
            bits = torch.from_numpy(philox.random_raw(size[0] * size[1] // 2).view("<i4"))
            top = (bits.to(self.task.device) >> 9) & 0x7FFFFF
            uniform = ((top.float() + 0.5) * 2.0**-23).view(size)
        self.step += 1
        mask, value = uniform.chunk(2, dim=1)
        return mask, torch.where(value < 0.5, -1.0, 1.0)


class TwoLayer(nn.Module):
    def __init__(self, task: Task, seed: int) -> None:
        super().__init__()
        self.task = task
        self.encoder = nn.Parameter(start(task, seed))
        self.decoder = nn.Parameter(self.encoder.detach().T.contiguous())

    def forward(self, x: Tensor) -> Tensor:
        return activate(x @ self.encoder.T, self.task) @ self.decoder.T


def train_cell(task: Task, seed: int, sparsity: float) -> Minimizer:
    """All steps of one cell."""
    model = TwoLayer(task, seed).to(task.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=task.learning_rate, fused=True)
    draws = Draws(task, seed)
    for step in range(task.steps):
        mask, sign = draws.next()
        x = torch.where(mask < sparsity, sign, 0.0) / math.sqrt(sparsity)
        loss = nn.functional.mse_loss(model(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = task.rate(step)
        optimizer.step()
        with torch.no_grad():
            model.encoder /= model.encoder.norm(dim=1, keepdim=True)
    return model.encoder.detach().cpu().numpy(), model.decoder.detach().cpu().numpy()
