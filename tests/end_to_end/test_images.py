"""Image files beside the place where a run is started."""

import gzip
import os
import struct
import subprocess

import numpy as np

from explorer import open_store
from tests.end_to_end.conftest import PROGRAM

STUDY = """\
name: mine
axes: {source: images, dataset: mine, architecture: [linear, mlp], hidden: 8, rate: 0.25}
training: {steps: 5, batch: 8, evaluation_samples: 64}
"""


def test_data_in_the_working_directory_reach_the_workers(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 6, 6), dtype=np.uint8)
    folder = tmp_path / "data" / "mine"
    folder.mkdir(parents=True)
    header = struct.pack(">4B3I", 0, 0, 8, 3, *pixels.shape)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + pixels.tobytes()))
    (tmp_path / "study.yaml").write_text(STUDY)
    environment = {name: value for name, value in os.environ.items() if name != "EXPLORER_DATA"}
    done = subprocess.run([*PROGRAM, "run", "study.yaml", "--out", "store"], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, timeout=300, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = open_store(tmp_path / "store").to_pandas()
    assert sorted(table["architecture"]) == ["linear", "mlp"]
    assert (table["dimension"] == 36).all()
    assert table["fingerprint"].nunique() == 1
