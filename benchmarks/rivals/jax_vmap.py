"""JAX at its best: one jit of a scan over steps, vmap over seeds and sparsities, random numbers inside.

Models of one seed share the draw, as explorer's do. With `draws="native"` they come from jax.random (its fast generator, `rbg`),
so that losses agree with the others' only in law; with `shared` the scan reads explorer's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .processes import Training, in_processes
from .task import Minimizer, Outcome, Task, Unavailable

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
MODELS_ON_CPU = 16  # at a time: the width that was fastest, the same for every size


def train(task: Task) -> Outcome:
    try:
        import jax
    except ImportError:
        raise Unavailable("jax is not installed: pip install -e '.[bench]'") from None
    del jax
    gpu = task.device == "cuda"
    return in_processes(
        prepare, task, 1 if gpu else task.workers, pinned=not gpu
    )  # XLA takes a thread for every core it may use


def prepare(task: Task) -> Training:
    """Compiles the training of one array of models; on a GPU all are one array."""
    import jax

    models = len(task.cells) if task.device == "cuda" else MODELS_ON_CPU
    arrays = task.parts(-(-len(task.cells) // models))
    platform = "gpu" if task.device == "cuda" else "cpu"
    try:
        device = jax.devices(platform)[0]
    except RuntimeError:
        raise Unavailable(f"jax sees no {platform}: pip install 'jax[cuda12]'") from None
    with jax.default_device(device):
        inputs = [jax.device_put(_inputs(array), device) for array in arrays]
        compiled: dict[int, Any] = {}
        for array, given in zip(arrays, inputs, strict=True):
            if len(array.seeds) not in compiled:
                compiled[len(array.seeds)] = jax.jit(_program(array)).lower(*given).compile()

    def training() -> list[Minimizer]:
        trained = [compiled[len(array.seeds)](*given) for array, given in zip(arrays, inputs, strict=True)]
        return [minimizer for weights in trained for minimizer in zip(*map(_models, weights), strict=True)]

    return training


def _models(weights: Any) -> np.ndarray:
    """(seed, sparsity, …) to (model, …)."""
    stacked = np.asarray(weights)
    return stacked.reshape(-1, *stacked.shape[2:])


def _inputs(task: Task) -> tuple[Any, ...]:
    import jax

    keys = jax.vmap(lambda seed: jax.random.key(seed, impl="rbg"))(np.array(task.seeds))
    sparsities = np.array(task.sparsities, dtype=np.float32)
    return keys, _starts(task), sparsities, (np.arange(task.steps), *_draws(task))


def _starts(task: Task) -> np.ndarray:
    """Of every seed; rows uniform on the sphere."""
    if task.draws == "native":  # torch is not imported, since JAX needs none
        rows = np.stack([np.random.default_rng(seed).standard_normal([task.dimension] * 2) for seed in task.seeds])
        return (rows / np.linalg.norm(rows, axis=2, keepdims=True)).astype(np.float32)
    from .module import start

    return np.stack([start(task, seed).numpy() for seed in task.seeds])


def _draws(task: Task) -> tuple[np.ndarray, ...]:
    """Of every step and seed, where draws are shared: (step, seed, sample, dim)."""
    if task.draws == "native":
        return ()
    from .module import Draws

    streams = [Draws(task, seed) for seed in task.seeds]
    drawn = [[each.next() for each in streams] for _ in range(task.steps)]
    return tuple(np.array([[pair[i].numpy() for pair in step] for step in drawn]) for i in range(2))


def _program(task: Task) -> Any:
    import jax
    import jax.numpy as jnp

    @jax.custom_vjp
    def sign(u):
        return jnp.where(u < 0, -1.0, 1.0)

    def backward(u, gradient):
        return (gradient * (1 - jnp.tanh(u / task.surrogate_width) ** 2) / task.surrogate_width,)

    sign.defvjp(lambda u: (sign(u), u), backward)
    activate = sign if task.activation == "sign" else jnp.tanh
    size = (task.batch, task.dimension)

    def draw(key, step):
        mask, value = jax.random.split(jax.random.fold_in(key, step))
        return jax.random.uniform(mask, size), jax.random.rademacher(value, size, jnp.float32)

    def loss(weights, x):
        encoder, decoder = weights
        return jnp.mean((activate(x @ encoder.T) @ decoder.T - x) ** 2)

    def update(state, mask, value, sparsity, step):
        weights, first, second = state
        x = jnp.where(mask < sparsity, value, 0.0) * jax.lax.rsqrt(sparsity)
        gradient = jax.grad(loss)(weights, x)
        each = jax.tree.map
        first = each(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradient)
        second = each(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradient)
        rate = task.learning_rate * 0.5 * (1 + jnp.cos(jnp.pi * step / task.steps))
        scale1, scale2 = 1 / (1 - BETA1 ** (step + 1.0)), 1 / (1 - BETA2 ** (step + 1.0))
        encoder, decoder = each(
            lambda w, m, v: w - rate * m * scale1 / (jnp.sqrt(v * scale2) + EPSILON), weights, first, second
        )
        encoder /= jnp.linalg.norm(encoder, axis=1, keepdims=True)
        return (encoder, decoder), first, second

    def of_seed(state, key, sparsities, step, mask=None, value=None):
        if mask is None:
            mask, value = draw(key, step)
        return jax.vmap(update, (0, None, None, 0, None))(state, mask, value, sparsities, step)

    def whole(keys, starts, sparsities, inputs):
        weights = (starts, starts.mT)
        weights = jax.tree.map(lambda w: jnp.repeat(w[:, None], len(task.sparsities), axis=1), weights)
        zeros = jax.tree.map(jnp.zeros_like, weights)

        def body(state, given):
            step, *drawn = given
            return jax.vmap(of_seed, (0, 0, None, None, *[0] * len(drawn)))(state, keys, sparsities, step, *drawn), None

        return jax.lax.scan(body, (weights, zeros, zeros), inputs)[0][0]

    return whole
