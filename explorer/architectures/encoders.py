"""What encoders and linear decoders share."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from explorer.axes import Axis

# Read by training: a free parameter `decoder` (d × n) of a decoder that is linear in `code` is refitted by least squares.
REFIT = Axis("refit", "bool", None, False, role="shape", when={"tied": (False,)}, training=True, neutral=False)


def unit_rows(matrix: Float[Tensor, "row column"]) -> Float[Tensor, "row column"]:
    """Rows divided by their Euclidean norms."""
    return matrix / matrix.norm(dim=1, keepdim=True)


def identity_rows(rows: int, columns: int) -> Float[Tensor, "row column"]:
    """Row i is the unit vector of coordinate i mod `columns`."""
    return torch.eye(columns)[torch.arange(rows) % columns]


def linear_decoder(
    encoder: Float[Tensor, "code dim"], free: Tensor | None, scale: Tensor | None
) -> Float[Tensor, "dim code"]:
    """A: a free matrix, or a Bᵀ with a scalar a."""
    if free is not None:
        return free
    assert scale is not None
    return encoder.T * scale


def haar_rows(rows: int, columns: int, generator: torch.Generator) -> Float[Tensor, "row column"]:
    """Rows of a uniformly random rotation; beyond `columns` rows, those of further independent ones.

    The Q of a QR decomposition of a Gaussian matrix, its columns' signs set by R's diagonal: Mezzadri 2007 (math-ph/0609050).
    """
    blocks = []
    for _ in range(-(-rows // columns)):
        q, r = torch.linalg.qr(torch.randn(columns, columns, generator=generator, dtype=torch.float64))
        blocks.append(q * torch.sign(torch.diagonal(r)))
    return torch.cat(blocks)[:rows].to(torch.float32)
