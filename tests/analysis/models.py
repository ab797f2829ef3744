"""Textbook models whose critical points and exponents are known."""

import numpy as np
import pandas as pd
from scipy.ndimage import label
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

ISING_TEMPERATURE, ISING_NU, ISING_BETA_OVER_NU = 2 / np.log(1 + np.sqrt(2)), 1.0, 1 / 8
SQUARE_SITES, PERCOLATION_NU = 0.592746, 4 / 3  # Newman and Ziff, Phys. Rev. Lett. 85, 4104 (2000)


def scaling_law(
    critical=0.6,
    nu=1.5,
    shift=0.5,
    exponent=0.0,
    sizes=(8, 16, 32, 64),
    seeds=12,
    spread=0.3,
    noise=0.02,
    count=15,
    seed=0,
):
    """m = L^(−β/ν) f(x), x = (p − p_c) L^(1/ν), f a rise from 0 to 1 about `shift`, on a different ragged grid for each size.

    Each seed of each size has its own place of the rise, `spread` away in x, and noise of its own at each point.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for size in sizes:
        scale = size ** (1 / nu)
        reach = 5.0 / scale
        middle = critical + shift / scale
        even = np.linspace(middle - reach, middle + reach, count + int(generator.integers(0, 4)))
        points = even + 0.3 * (even[1] - even[0]) * generator.uniform(-1, 1, len(even))
        for replicate in range(seeds):
            x = (points - critical) * scale - shift - spread * generator.standard_normal()
            value = 1 / (1 + np.exp(-2 * x)) + noise * generator.standard_normal(len(points))
            rows.append(pd.DataFrame({"p": points, "m": value * size**-exponent, "dimension": size, "seed": replicate}))
    return pd.concat(rows, ignore_index=True)


def percolation(sizes=(16, 32, 64), occupations=None, samples=200, seed=0):
    """Whether a cluster of occupied sites of an L × L square spans it from side to side in either direction, 0 or 1.

    A sample's sites are occupied in one random order, so that its outcomes at all occupations share their draws.
    """
    generator = np.random.default_rng(seed)
    planar = np.zeros((3, 3, 3), dtype=int)
    planar[1] = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    rows = []
    for size in sizes:
        reach = 1.6 * size ** (-1 / PERCOLATION_NU)
        points = np.linspace(0.585 - reach, 0.585 + reach, 13) if occupations is None else np.asarray(occupations)
        for replicate in range(samples):
            ranks = generator.random((size, size))
            clusters, _ = label(ranks < points[:, None, None], structure=planar)
            for p, found in zip(points, clusters, strict=True):
                spans = _shared(found[0], found[-1]) or _shared(found[:, 0], found[:, -1])
                rows.append((size, p, replicate, int(spans)))
    return pd.DataFrame(rows, columns=["size", "occupation", "seed", "spanning"])


def _shared(first, second):
    return bool(np.isin(first[first > 0], second[second > 0]).any())


def ising(sizes=(8, 16, 24), temperatures=None, seeds=40, warm=20, samples=8, apart=3, seed=0):
    """Magnetisations per spin of the square-lattice Ising model with periodic ends, by Swendsen and Wang's clusters.

    All temperatures and seeds of one size are one graph, whose components are the clusters of all at once. R. H.
    Swendsen and J.-S. Wang, Phys. Rev. Lett. 58, 86 (1987).
    """
    generator = np.random.default_rng(seed)
    temperatures = np.linspace(2.1, 2.45, 7) if temperatures is None else temperatures
    rows = []
    for size in sizes:
        members = [(t, s) for t in temperatures for s in range(seeds)]
        bond = 1 - np.exp(-2 / np.array([t for t, _ in members]))[:, None, None]
        spins = np.ones((len(members), size, size), dtype=bool)
        sites = np.arange(spins.size, dtype=np.int32).reshape(spins.shape)
        neighbours = [np.roll(sites, -1, axis=axis) for axis in (1, 2)]
        for sweep in range(1, warm + samples * apart + 1):
            ends = []
            for other in neighbours:
                bound = (spins == spins.ravel()[other]) & (generator.random(spins.shape, dtype=np.float32) < bond)
                ends.append((sites[bound], other[bound]))
            first, second = (np.concatenate(column) for column in zip(*ends, strict=True))
            graph = coo_matrix((np.ones(len(first), dtype=np.int8), (first, second)), shape=(spins.size, spins.size))
            count, clusters = connected_components(graph, directed=False)
            spins = (generator.random(count) < 0.5)[clusters].reshape(spins.shape)
            if sweep > warm and (sweep - warm) % apart == 0:
                magnetisation = 2 * spins.mean(axis=(1, 2)) - 1
                rows += [(size, t, s, m) for (t, s), m in zip(members, magnetisation, strict=True)]
    return pd.DataFrame(rows, columns=["size", "temperature", "seed", "magnetisation"])
