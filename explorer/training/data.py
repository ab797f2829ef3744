"""What the cells of a pack are trained and evaluated on: draws by stream and step, shared where cells agree on both."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from explorer.axes import Value
from explorer.cells import most_tiles
from explorer.sources.base import Split
from explorer.training.draws import Purpose, uniforms, words
from explorer.training.program import EVALUATION_CHUNK, Program

Stream = tuple[tuple[str, Value], ...]
# Steps of a stream that are drawn together.
BLOCK = 4


class Data:
    """The draws of streams, on a device."""

    def __init__(self, program: Program, device: torch.device) -> None:
        self.program, self.device = program, device
        self._tables: dict[tuple[Stream, Split], Tensor] = {}
        self._fixed: dict[Stream, Tensor | None] = {}
        self._buffers: list[Tensor] = []
        self._views: list[Tensor] = []
        self._rows: dict[tuple[Stream, int], int] = {}
        self._index: dict[bytes, Tensor] = {}
        self._streams: Sequence[Stream] = ()
        self._blocks = self._first = np.zeros(0, dtype=np.int64)
        self._chunks: dict[int, list[Tensor]] = {}

    def forget(self, streams: Iterable[Stream]) -> None:
        """Keep nothing but what belongs to these streams."""
        kept = set(streams)
        self._tables = {key: table for key, table in self._tables.items() if key[0] in kept}
        self._streams = ()
        self._fixed = {stream: chosen for stream, chosen in self._fixed.items() if stream in kept}

    def training(
        self, streams: Sequence[Stream], steps: Int[np.ndarray, " slot"]
    ) -> tuple[Float[Tensor, "row sample layer dim"], Float[Tensor, "row sample noise"], Int[Tensor, " slot"]]:
        """The batches of every slot's stream at its step: latents, the model's noise, and the row of both that a slot reads.

        There are always as many rows as slots could need, so that programs see one shape.
        """
        blocks, within = np.divmod(steps, BLOCK)
        if streams is not self._streams or not np.array_equal(blocks, self._blocks):
            wanted = list(zip(streams, blocks.tolist(), strict=True))
            if any(key not in self._rows for key in wanted):
                self._fill(list(dict.fromkeys(wanted)))
            self._streams, self._blocks = streams, blocks
            self._first = np.array([self._rows[key] for key in wanted]) * BLOCK
            self._index.clear()
        rows = self._first + within
        name = rows.tobytes()
        if name not in self._index:
            self._index[name] = torch.from_numpy(rows).to(self.device)
        latents, noises = self._views
        return latents, noises, self._index[name]

    def _fill(self, wanted: Sequence[tuple[Stream, int]]) -> None:
        """Draw the blocks that are not there, in place of such as are not wanted any more."""
        self._rows = {key: row for key, row in self._rows.items() if key in wanted}
        width = self.program.width
        slots = width * most_tiles(width)
        free = iter(sorted(set(range(slots)) - set(self._rows.values())))
        for key in wanted:
            if key in self._rows:
                continue
            values = self._drawn_block(*key)
            if not self._buffers:
                self._buffers = [torch.zeros(slots, *value.shape, device=self.device) for value in values]
            self._rows[key] = next(free)
            for buffer, value in zip(self._buffers, values, strict=True):
                buffer[self._rows[key]].copy_(value)
        self._views = [buffer.flatten(0, 1) for buffer in self._buffers]

    def _drawn_block(self, stream: Stream, block: int) -> tuple[Tensor, Tensor]:
        """Latents and noises of the steps of a block, (step, sample, …)."""
        batch, steps = self.program.batch, range(block * BLOCK, (block + 1) * BLOCK)
        noises = self.noise(stream, "noise", steps, batch)
        if self._training_set(stream) is not None:
            return torch.stack([self.latent(stream, "training", step, batch) for step in steps]), noises
        table = self._table(stream, "training")
        drawn = self._words(stream, "training", steps, batch * self.program.source.width)
        latents = self.program.latent(BLOCK * batch, table, compiled=True)(drawn.reshape(-1), table)
        return latents.unflatten(0, (BLOCK, batch)), noises

    def chunk(
        self, streams: Sequence[Stream], purpose: Purpose, index: int, samples: int, split: Split = "training"
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As `training`, for a chunk of an evaluation."""
        rows = {stream: i for i, stream in enumerate(dict.fromkeys(streams))}
        drawn = [
            (self.latent(s, purpose, index, samples, split), self.noise(s, "evaluation noise", [index], samples)[0])
            for s in rows
        ]
        if samples not in self._chunks:
            self._chunks[samples] = [torch.zeros(len(streams), *v.shape, device=self.device) for v in drawn[0]]
        latents, noises = self._chunks[samples]
        for i, (latent, noise) in enumerate(drawn):
            latents[i].copy_(latent)
            noises[i].copy_(noise)
        return latents, noises, torch.tensor([rows[stream] for stream in streams], device=self.device)

    def latent(
        self, stream: Stream, purpose: Purpose, step: int, samples: int, split: Split = "training"
    ) -> Float[Tensor, "sample layer dim"]:
        """The latent draws of a stream; from its training set where that has a fixed size."""
        fixed = None if split == "evaluation" else self._training_set(stream)
        if fixed is not None:
            order = uniforms(self._words(stream, "order", [step], samples), 1)[:, 0]
            return fixed[(order * len(fixed)).long()]
        table = self._table(stream, split)
        drawn = self._words(stream, purpose, [step], samples * self.program.source.width)
        compiled = samples == EVALUATION_CHUNK and self.program.compiled_evaluation
        return self.program.latent(samples, table, compiled)(drawn.reshape(-1), table)

    def noise(
        self, stream: Stream, purpose: Purpose, steps: Sequence[int], samples: int
    ) -> Float[Tensor, "step sample noise"]:
        """The uniforms that the model itself needs at some steps."""
        width = self.program.model.noise_width
        if width == 0:
            return torch.zeros(len(steps), samples, 0, device=self.device)
        drawn = self._words(stream, purpose, steps, samples * width)
        return uniforms(drawn.reshape(-1), width).unflatten(0, (len(steps), samples))

    def _words(self, stream: Stream, purpose: Purpose, steps: Sequence[int], count: int) -> Tensor:
        return words([int(dict(stream)["seed"])] * len(steps), purpose, steps, count, self.device)

    def _table(self, stream: Stream, split: Split) -> Tensor:
        if (stream, split) not in self._tables:
            table = self.program.source.table({**self.program.shape, **dict(stream)}, split)
            self._tables[stream, split] = torch.from_numpy(np.asarray(table, dtype=np.float32)).to(self.device)
        return self._tables[stream, split]

    def _training_set(self, stream: Stream) -> Tensor | None:
        """The training set of a stream with a fixed number of samples; the smaller of two is part of the larger."""
        if stream not in self._fixed:
            samples = float(dict(stream)["samples"])
            finite = math.isfinite(samples) and not self.program.source.finite
            self._fixed[stream] = self._drawn_set(stream, int(samples)) if finite else None
        return self._fixed[stream]

    def _drawn_set(self, stream: Stream, samples: int) -> Tensor:
        width, table = self.program.source.width, self._table(stream, "training")
        latent = self.program.latent(EVALUATION_CHUNK, table)
        chunks = range(-(-samples // EVALUATION_CHUNK))
        draws = (self._words(stream, "training", [chunk], EVALUATION_CHUNK * width) for chunk in chunks)
        return torch.cat([latent(drawn.reshape(-1), table) for drawn in draws])[:samples]
