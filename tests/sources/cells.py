"""Cells of any source, and their data."""

import numpy as np
import torch

from explorer.cells import Cell
from explorer.training.program import build_source


def cell(source, **settings):
    """A cell of this source with a small model."""
    return Cell.of(**{"source": source, "architecture": "two_layer", "rate": 0.5, **settings})


def law_of(cell):
    return build_source(cell.shape)


def uniforms(law, samples, seed=0):
    """Odd multiples of 2^-24, as training draws them."""
    bits = np.random.default_rng(seed).integers(0, 2**23, (samples, law.width))
    return torch.from_numpy(((bits + 0.5) * 2.0**-23).astype(np.float32))


def table_of(cell, law, split="training"):
    return torch.from_numpy(np.asarray(law.table(cell.settings, split), dtype=np.float32))


def knobs_of(cell, law):
    """The cell's knobs that are its source's."""
    names = {axis.name for axis in law.axes if axis.role == "knob"}
    return {name: torch.tensor(value) for name, value in cell.knobs.items() if name in names}


def draw(cell, u, split="training"):
    """The data of a cell at these uniforms, or at this number of rows of them."""
    law = law_of(cell)
    u = uniforms(law, u) if isinstance(u, int) else u
    return law.sample(law.latent(u, table_of(cell, law, split)), **knobs_of(cell, law))


def reference(cell):
    return law_of(cell).reference(cell.settings)
