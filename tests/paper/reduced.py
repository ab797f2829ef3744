"""Studies cut down to what tests can train: few points, small dimensions, few steps, in this process without a compiler."""

import numpy as np
import yaml
from PIL import Image

from explorer.cells import Pack
from explorer.engine.rows import Provenance, curve_table, minimizer_table, outcome_table
from explorer.store import StoreWriter, open_store
from explorer.study import Study
from explorer.training import PackRun

SIZES = {"dimension": (6, 10, 14), "steps": (1, 10, 20)}
TRAINING = {"steps": 20, "batch": 16, "evaluation_samples": 128}
# How many points of an axis remain; others keep two.
KEPT = {"sparsity": 5, "base": 4, "architecture": 3, "surrogate": 3, "dimension": 3, "steps": 3, "rate": 3}


def reduced(text):
    """The YAML of a study with fewer points, smaller sizes and less training."""
    document = yaml.safe_load(text)
    axes = document["axes"]
    for name, written in axes.items():
        axes[name] = few(name, written)
    if "patch" in axes:
        axes["patch"] = 3
    if "layers" in axes:
        axes["layers"] = 2
    training = {k: v for k, v in TRAINING.items() if k not in axes}
    document["training"] = {**document["training"], **training}
    document["resources"] = {"cells_per_pack": 512}
    return yaml.safe_dump(document, allow_unicode=True)


def few(name, written):
    count = KEPT.get(name, 2)
    if name in SIZES:
        return list(SIZES[name][:count]) if isinstance(written, list) else SIZES[name][1]
    if name == "seed":
        return {"count": 2}
    if isinstance(written, dict):
        return {**written, "count": min(count, written["count"])}
    if isinstance(written, list) and len(written) > count:
        return [written[i] for i in np.unique(np.linspace(0, len(written) - 1, count).round().astype(int)).tolist()]
    return written


def trained(text, place):
    """The store of a study, trained by one process."""
    study = Study(text, "reduced.yaml")
    writer = StoreWriter(str(place))
    writer.create()
    writer.keep_study(study.text, [cell.key for cell in study.cells])
    shapes = {}
    for cell in study.cells:
        shapes.setdefault(cell.shape_key, []).append(cell)
    for key, cells in shapes.items():
        results = PackRun(Pack(tuple(cells), len(cells)), compiled=False).train()
        kept = minimizer_table(results, key) if study.keep.minimizers else None
        curves = curve_table(results, key) if study.keep.curves else None
        writer.publish(key, outcome_table(results, key, Provenance(compiled=False)), curves, kept)
    return open_store(place)


def image_files(place):
    """A folder with the data sets that figures name: random images, in files as theirs."""
    generator = np.random.default_rng(0)
    for dataset in ("cifar10", "mnist"):
        (place / dataset).mkdir(parents=True)
        write_idx(place / dataset, generator)
    return place


def write_idx(folder, generator):
    for split, count in (("train", 60), ("t10k", 30)):
        pixels = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        header = np.array([0x00000803, count, 28, 28], dtype=">u4").tobytes()
        (folder / f"{split}-images-idx3-ubyte").write_bytes(header + pixels.tobytes())


def size_of(path):
    with Image.open(path) as picture:
        return picture.size
