"""An array of models fused by hand as HFTA fuses them (Wang et al., MLSys 2021, arXiv 2102.02344).

Weights are stacked, (model, in, out), a linear layer is one bmm, the loss is the sum over models, one Adam steps the stack;
eager autograd. What HFTA's own loader does not do, and is to its advantage: models of one seed share the draw.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .module import Draws, activate, prepare_torch, start
from .processes import Training, in_processes
from .task import Minimizer, Outcome, Task


def train(task: Task) -> Outcome:
    return in_processes(prepare, task, 1 if task.device == "cuda" else task.workers)


def prepare(task: Task) -> Training:
    """On a CPU in arrays of the width that was fastest, so that they stay in its caches; on a GPU all models at once."""
    prepare_torch(task)
    models = len(task.cells) if task.device == "cuda" else 16 if task.dimension <= 64 else 8
    arrays = task.parts(-(-len(task.cells) // models))
    return lambda: [minimizer for array in arrays for minimizer in train_array(array)]


def train_array(task: Task) -> list[Minimizer]:
    """All steps of all cells of a task as one array."""
    starts = torch.stack([start(task, seed).T for seed in task.seeds]).repeat_interleave(len(task.sparsities), dim=0)
    encoder, decoder = (tensor.contiguous().clone().to(task.device).requires_grad_() for tensor in (starts, starts.mT))
    optimizer = torch.optim.Adam([encoder, decoder], lr=task.learning_rate, fused=True)
    draws = [Draws(task, seed) for seed in task.seeds]
    sparsity = torch.tensor(task.sparsities, device=task.device)[:, None, None]
    for step in range(task.steps):
        x = torch.cat([_data(*each.next(), sparsity) for each in draws])
        error = x - torch.bmm(activate(torch.bmm(x, encoder), task), decoder)
        optimizer.zero_grad()
        error.square().mean(dim=(1, 2)).sum().backward()
        optimizer.param_groups[0]["lr"] = task.rate(step)
        optimizer.step()
        with torch.no_grad():
            encoder /= encoder.norm(dim=1, keepdim=True)
    pairs = zip(encoder.detach().mT.cpu().numpy(), decoder.detach().mT.cpu().numpy(), strict=True)
    return list(pairs)


def _data(mask: Tensor, sign: Tensor, sparsity: Tensor) -> Tensor:
    return torch.where(mask < sparsity, sign, 0.0) * sparsity.rsqrt()
