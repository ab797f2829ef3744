import itertools

import pytest

from explorer import grid
from explorer.architectures import architectures
from explorer.cells import Cell
from explorer.errors import StudyError
from explorer.grid import Grid
from explorer.settings import resolve

SPARSE = {
    "source": ["sparse"],
    "architecture": ["two_layer"],
    "sparsity": [0.5, 0.25],
    "rate": [1.0, 0.5],
    "dimension": [16],
    "seed": [2, 0, 1],
}

GRIDS = {
    "knobs and seeds": {**SPARSE, "learning_rate": [0.1, 0.01], "surrogate_width": [0.2, 0.5]},
    "outermost settings vary within families": {"seed": [1, 0], "learning_rate": [0.1, 1e-5], **SPARSE},
    "shapes": {**SPARSE, "dimension": [16, 20], "batch": [8, 256], "optimizer": ["sgd", "adam"], "tied": [True, False]},
    "settings without effect": {**SPARSE, "base": ["laplace", "generalized_gaussian"], "shape": [1.5, 3.0]},
    "neutral values": {**SPARSE, "weight_bits": [2, float("inf")], "samples": [float("inf"), 100]},
    "sources and architectures": {
        **SPARSE,
        "source": ["gaussian", "sparse"],
        "architecture": ["linear", "two_layer", "denoiser"],
        "denoiser": ["tanh", "bayes"],
        "init": ["random"],
    },
    "a dimension that is implied": {
        "source": ["images"],
        "architecture": ["linear"],
        "patch": [0, 4],
        "rate": [0.5],
        "seed": [0, 1],
        "scaling": ["none", "global"],
        "shrinkage": [0.0, 0.1],
        "whitening": ["none", "pca"],
    },
}


def written(values):
    """Each value with where it was written."""
    return {name: [(value, (name, i)) for i, value in enumerate(those)] for name, those in values.items()}


def enumerated(values):
    return list(Grid(written(values), str).cells())


def resolved_one_by_one(values):
    """The cells of a grid as they are defined."""
    cells = {}
    for point in itertools.product(*written(values).values()):
        given = dict(zip(values, point, strict=True))
        place = {name: path for name, (_, path) in given.items()}
        cell = Cell(resolve({n: v for n, (v, _) in given.items()}, lambda n, at=place: str(at.get(n, ("axes", n)))))
        cells.setdefault(cell.key, cell)
    return list(cells.values())


def facts(cell):
    settings = [(name, value, type(value)) for name, value in cell.settings.items()]
    return settings, cell.key, cell.shape_key, cell.stream, cell.shape, cell.knobs


@pytest.mark.parametrize("values", GRIDS.values(), ids=GRIDS)
def test_cells_are_those_of_resolving_every_point(values):
    assert [facts(cell) for cell in enumerated(values)] == [facts(cell) for cell in resolved_one_by_one(values)]


@pytest.mark.parametrize("values", GRIDS.values(), ids=GRIDS)
def test_what_families_give_their_cells_is_what_the_settings_say(values):
    for cell in enumerated(values):
        alone = Cell(dict(cell.settings))
        assert (cell.key, cell.shape_key, cell.stream) == (alone.key, alone.shape_key, alone.stream)


def picky(settings):
    """Reads a knob at one seed alone."""
    if settings["seed"] == 1 and settings["learning_rate"] > 0.05:
        return "surrogate_width", f"found {settings['surrogate_width']:g}"
    return None


def everything(settings):
    """Reads all settings, by their names alone."""
    return ("rate", "not with these") if dict(settings)["learning_rate"] == 0.01 and "sparsity" in settings else None


@pytest.mark.parametrize("refuses", [picky, everything])
def test_refusal_by_any_setting_is_that_of_the_first_point(refuses, monkeypatch):
    monkeypatch.setattr(architectures["two_layer"], "refusal", refuses)
    with pytest.raises(StudyError) as expected:
        resolved_one_by_one(GRIDS["knobs and seeds"])
    with pytest.raises(StudyError) as found:
        enumerated(GRIDS["knobs and seeds"])
    assert str(found.value) == str(expected.value)


def test_missing_setting_is_named_as_one_by_one():
    values = {name: those for name, those in SPARSE.items() if name != "sparsity"}
    with pytest.raises(StudyError, match=r"^\('axes', 'sparsity'\): missing; expected a value in \(0, 1\]"):
        enumerated(values)


def test_setting_that_is_read_at_some_points_alone_decides_at_all(monkeypatch):
    monkeypatch.setattr(architectures["two_layer"], "refusal", lambda s: picky(s) if s["learning_rate"] < 0 else None)
    values = GRIDS["knobs and seeds"]
    assert [facts(cell) for cell in enumerated(values)] == [facts(cell) for cell in resolved_one_by_one(values)]


def test_a_point_is_resolved_for_every_family_and_not_for_every_cell(monkeypatch):
    count = itertools.count()

    def counting(*arguments):
        next(count)
        return resolve_watched(*arguments)

    resolve_watched = grid.resolve_watched
    monkeypatch.setattr(grid, "resolve_watched", counting)
    values = {**SPARSE, "seed": list(range(100)), "sparsity": [i / 100 for i in range(1, 101)]}
    assert len(enumerated(values)) == 20_000
    assert next(count) <= 2 * len(SPARSE["rate"])
