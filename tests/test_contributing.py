"""The examples of docs/how-to do what they say, each in a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PLACE = Path(__file__).parent.parent
KINDS = ("source", "architecture", "observable", "estimator", "proposer", "figure")
# The first block of Python of each page.
EXAMPLES = {
    kind: re.findall(r"^```python\n(.*?)^```$", (PLACE / f"docs/how-to/{kind}.md").read_text(), re.S | re.M)[0]
    for kind in KINDS
}

CHECKS = {
    "source": """
import torch
from explorer.cells import Cell
from explorer.sources import sources
source = sources["noisy_signs"](3)
uniforms = torch.rand(100_000, source.width, generator=torch.Generator().manual_seed(0))
latent = source.latent(uniforms, torch.zeros(1))
for share in (0.0, 0.3, 1.0):
    x = source.sample(latent, noise_share=torch.tensor(share))
    assert x.shape == (100_000, 3)
    assert abs(x.var().item() - 1) < 0.01
cell = Cell.of(source="noisy_signs", architecture="two_layer", dimension=4, rate=1.0)
assert cell.knobs["noise_share"] == 0.5
""",
    "architecture": """
import numpy as np
from explorer.cells import Cell, Pack
from explorer.training import PackRun
cells = tuple(
    Cell.of(source="gaussian", architecture="soft_threshold", dimension=6, rate=0.5, threshold=threshold, steps=5, batch=8,
            evaluation_samples=64)
    for threshold in (0.1, 0.5)
)
run = PackRun(Pack(cells, 2), compiled=False)
start = run.tiles[0].parameters["encoder"].clone()
run.advance(5)
for i, result in enumerate(run.finish()):
    assert result.steps == 5 and np.isfinite(result.loss)
    assert not np.array_equal(result.minimizer["encoder"], start[i].numpy())
    np.testing.assert_allclose(np.linalg.norm(result.minimizer["encoder"], axis=1), 1, atol=1e-5)
""",
    "observable": """
import numpy as np
from explorer.observables import observe
assert observe({"encoder": np.array([[1.0, 0.0], [0.6, 0.8]])})["coherence"] == 0.6
assert observe({"encoder": np.ones((1, 1))})["coherence"] == 0.0
""",
    "estimator": """
import pandas as pd
from explorer import fit_boundary
table = pd.DataFrame({"sparsity": [0.2, 0.4, 0.6], "localization": [0.1, 0.4, 0.9], "seed": 0})
assert fit_boundary(table, estimator="halfway")["critical"].tolist() == [0.6]
assert "stays below" in fit_boundary(table[:2], estimator="halfway")["note"][0]
""",
    "proposer": """
import numpy as np
from explorer.proposers.base import Ask, Domain, Observed, proposers
domain = Domain(np.array([0.0]), np.array([1.0]), np.array([0.25]), (False,))
ends = Observed(np.array([[0.0], [1.0]]), np.zeros(2, dtype=np.int64), np.array([0.1, 0.9]))
found = proposers["farthest"](ends, domain, Ask(1, 0.3))
assert found.points.tolist() == [[0.5]] and not found.known
assert proposers["farthest"](ends, domain, Ask(1, 0.5)).known
""",
    "figure": """
from pathlib import Path
from explorer import figure
from tests.figures.stores import cells, make
figure(make("store", cells(rate=0.5)), "loss_histogram", "figure.png")
assert Path("figure.png").read_bytes().startswith(b"\\x89PNG")
""",
}
CONTRACTS = {
    "architecture": ("tests/architectures/test_contract.py", "soft_threshold"),
    "source": ("tests/sources/test_contract.py", "noisy_signs"),
    "observable": ("tests/observables/test_contract.py", "coherence"),
    "figure": ("tests/figures/test_contract.py", "loss_histogram"),
}


def python(place: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(place), str(PLACE)]), "PYTEST_ADDOPTS": ""}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_every_kind_has_an_example():
    assert EXAMPLES.keys() == CHECKS.keys()


@pytest.mark.parametrize("kind", list(CHECKS))
def test_example_does_what_it_says(kind, tmp_path):
    (tmp_path / "example.py").write_text(EXAMPLES[kind])
    done = python(tmp_path, "-c", f"import example\n{CHECKS[kind]}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", list(CONTRACTS))
def test_example_passes_the_contract_tests_of_its_kind(kind, tmp_path):
    (tmp_path / "example.py").write_text(EXAMPLES[kind])
    file, name = CONTRACTS[kind]
    done = python(
        tmp_path, "-m", "pytest", "-p", "example", "-p", "no:cacheprovider", "-k", name, "-v", file, cwd=PLACE
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("kind", list(CHECKS))
@pytest.mark.parametrize("command", ["check", "format --check"])
def test_example_is_clean(kind, command):
    pytest.importorskip("ruff")
    ruff = [sys.executable, "-m", "ruff", *command.split(), "--stdin-filename", "explorer/example.py", "-"]
    done = subprocess.run(
        ruff, cwd=PLACE, input=EXAMPLES[kind], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
