"""What packing buys: one training step of 45 cells as one compiled program, against an ordinary loop and the bare products.

Prints a Markdown table. All numbers of a row come from one run, interleaved; compare ratios, not milliseconds.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

import torch
from report import processor

from explorer.architectures import architectures
from explorer.cells import Cell, Pack
from explorer.sources import sources
from explorer.training import PackRun
from explorer.training.draws import uniforms, words

BATCH, REPEATS = 256, 5
SPARSITIES, SEEDS = 15, 3
PACKED_STEPS, PLAIN_STEPS, PRODUCT_STEPS = 30, 4, 30

Measurement = Callable[[], float]


def pack(dimension: int) -> Pack:
    """15 sparsities x 3 seeds at rate 1: three distinct draws a step."""
    cells = [
        Cell.of(source="sparse", architecture="two_layer", dimension=dimension, rate=1.0, batch=BATCH, seed=seed,
                sparsity=0.3 + 0.7 * i / (SPARSITIES - 1))
        for seed in range(SEEDS) for i in range(SPARSITIES)
    ]  # fmt: skip
    return Pack(tuple(cells), len(cells))


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def packed(members: Pack) -> Measurement:
    """Seconds per cell and step of the pack, compiled before it is measured."""
    run = PackRun(members)
    run.advance(5)
    return lambda: seconds(lambda: run.advance(PACKED_STEPS)) / PACKED_STEPS / members.width


class Plain:
    """One cell as a PyTorch user trains it: a module, autograd, torch.optim.Adam; the draws are those of the pack."""

    def __init__(self, cell: Cell) -> None:
        settings = cell.settings
        self.seed, self.source = int(settings["seed"]), sources[str(settings["source"])](int(settings["dimension"]))
        self.table = torch.from_numpy(self.source.table(settings, "training")).float()
        self.width = self.source.width
        self.sparsity = torch.tensor(float(settings["sparsity"]))
        self.surrogate = torch.tensor(float(settings["surrogate_width"]))
        build = architectures[str(settings["architecture"])]
        self.model = build(int(settings["dimension"]), int(settings["code_dimension"]))
        self.model.initialise(str(settings["init"]), torch.Generator().manual_seed(self.seed))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=float(settings["learning_rate"]))
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, int(settings["steps"]))
        self.step = 0

    def train(self, steps: int) -> None:
        for _ in range(steps):
            drawn = uniforms(words(self.seed, "training", self.step, BATCH * self.width), self.width)
            x = self.source.sample(self.source.latent(drawn, self.table), sparsity=self.sparsity)
            self.optimizer.zero_grad()
            (x - self.model(x, surrogate_width=self.surrogate)).square().mean().backward()
            self.optimizer.step()
            self.schedule.step()
            with torch.no_grad():
                self.model.encoder /= self.model.encoder.norm(dim=1, keepdim=True)
            self.step += 1


def one_at_a_time(members: Pack) -> Measurement:
    """Seconds per cell and step of the same cells, one after the other."""
    loops = [Plain(cell) for cell in members.cells]
    for loop in loops:
        loop.train(1)
    return lambda: seconds(lambda: [loop.train(PLAIN_STEPS) for loop in loops]) / PLAIN_STEPS / members.width


def products(members: Pack, dimension: int) -> Measurement:
    """Seconds per cell and step of the five matrix products of a step: two forward, three backward."""
    generator = torch.Generator().manual_seed(0)
    x, code, error, slope = (torch.randn(members.width, BATCH, dimension, generator=generator) for _ in range(4))
    encoder, decoder = (torch.randn(members.width, dimension, dimension, generator=generator) for _ in range(2))

    def step() -> None:
        torch.bmm(x, encoder.mT)
        torch.bmm(code, decoder.mT)
        torch.bmm(error, decoder)
        torch.bmm(error.mT, code)
        torch.bmm(slope.mT, x)

    def steps() -> None:
        for _ in range(PRODUCT_STEPS):
            step()

    steps()
    return lambda: seconds(steps) / PRODUCT_STEPS / members.width


def measure(dimension: int) -> tuple[float, float, float]:
    """Medians over interleaved repeats, in milliseconds per cell and step: packed, one at a time, products."""
    members = pack(dimension)
    measurements = (packed(members), one_at_a_time(members), products(members, dimension))
    rounds = [[measurement() for measurement in measurements] for _ in range(REPEATS)]
    ours, plain, bare = (1e3 * statistics.median(times) for times in zip(*rounds, strict=True))
    return ours, plain, bare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--threads", type=int, default=1, help="CPU threads of torch; a pack of a study has cpus_per_pack, 1"
    )
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    begin = time.perf_counter()
    print("ms per cell and step\n")
    print("| d = n | batch | cells | packed, compiled | one at a time | bare products | speed-up | packed / products |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for dimension in (32, 64):
        ours, plain, bare = measure(dimension)
        print(f"| {dimension} | {BATCH} | {SPARSITIES * SEEDS} | {ours:.3f} | {plain:.3f} | {bare:.3f} | {plain / ours:.1f} x "
              f"| {ours / bare:.2f} |", flush=True)  # fmt: skip
    machine = f"{processor()}, {torch.get_num_threads()} of {torch.multiprocessing.cpu_count()} cores, CPU only"
    names = ", ".join(f"{name} {version(name)}" for name in ("explorer", "torch", "numpy"))
    print(f"\nCommand: python {' '.join(sys.argv)}")
    print(f"Machine: {machine}, {platform.system()} {platform.machine()}")
    print(f"Versions: Python {platform.python_version()}, {names}")
    print(f"Medians of {REPEATS} interleaved repeats; {time.perf_counter() - begin:.0f} s with compilation.")


if __name__ == "__main__":
    main()
