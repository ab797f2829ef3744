"""What the figure of training dynamics rests on."""

import numpy as np

from explorer.cells import Cell, Pack
from explorer.training import PackRun


def test_cells_of_other_lengths_are_one_trajectory_at_a_constant_rate():
    fixed = {"source": "sparse", "base": "gaussian", "architecture": "two_layer", "sparsity": 0.5, "rate": 1.0, "dimension": 8,
             "batch": 16, "schedule": "constant", "learning_rate": 0.01, "evaluation_samples": 64}  # fmt: skip
    cells = [Cell.of(**fixed, steps=steps) for steps in (10, 40)]
    short, long = (PackRun(Pack((cell,), 1), compiled=False).train()[0].curve for cell in cells)
    assert len(short) == 10
    np.testing.assert_array_equal(np.array(short), np.array(long[:10]))
