"""Tables of outcomes whose boundaries are known, made without training anything."""

import numpy as np
import pandas as pd

DIMENSION = 64
HAAR = 3 / (DIMENSION + 2)
ROTATION_LOSS = 1 - 2 / np.pi


def logistic(x, location, scale, low=HAAR, high=1.0):
    return low + (high - low) / (1 + np.exp(-(np.asarray(x) - location) / scale))


def switching(location=0.6, scale=0.02, points=None, seeds=3, spread=0.0, noise=0.0, seed=0):
    """Random starts whose order parameter switches at `location`, each seed at its own distance from it."""
    generator = np.random.default_rng(seed)
    points = np.linspace(0.3, 0.9, 25) if points is None else points
    rows = []
    for replicate in range(seeds):
        own = location + spread * generator.standard_normal()
        order = logistic(points, own, scale) + noise * generator.standard_normal(len(points))
        rows += [
            {"sparsity": x, "seed": replicate, "init": "random", "localization": y, "loss": 0.4, "dimension": DIMENSION}
            for x, y in zip(points, order, strict=True)
        ]
    return pd.DataFrame(rows)


def branches(
    points=None,
    seeds=3,
    rotation=lambda x: ROTATION_LOSS + 0 * x,
    identity=lambda x: 1 - x,
    rotation_until=1.0,
    identity_from=0.0,
    noise=0.0,
    seed=0,
):
    """Random starts on the rotation branch and identity starts on the identity branch, wherever each is found."""
    generator = np.random.default_rng(seed)
    points = np.linspace(0.3, 0.9, 13) if points is None else points
    rows = []
    for replicate in range(seeds):
        for x in points:
            found = [("random", HAAR, rotation)] if x <= rotation_until else []
            found += [("identity", 0.99, identity)] if x >= identity_from else []
            for init, order, loss in found:
                noisy = float(loss(x)) + noise * generator.standard_normal()
                rows.append({"sparsity": x, "seed": replicate, "init": init, "localization": order, "loss": noisy,
                             "dimension": DIMENSION})  # fmt: skip
    return pd.DataFrame(rows)
