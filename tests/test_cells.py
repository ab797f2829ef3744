import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.cells import Cell, by_shape, make_packs
from explorer.errors import StudyError
from explorer.study import Study

SPARSE = {"source": "sparse", "architecture": "two_layer", "sparsity": 0.5, "rate": 1.0, "dimension": 16}


def cell(**changes):
    return Cell.of(**{**SPARSE, **changes})


# Stores in the world are addressed by it: a change here needs a new OUTCOME_VERSION, and orphans every outcome.
KEYS = {
    "9d37fb982f4783519ae2": {**SPARSE, "seed": 3},
    "a44cb1f70f09b8e042f8": {
        "source": "sparse", "base": "generalized_gaussian", "shape": 1.5, "sparsity": 1 / 3, "samples": 1000,
        "architecture": "two_layer", "rate": 0.25, "dimension": 48, "init": "identity", "weight_bits": 4,
    },
    "9f0abaab4c194ab89b16": {
        "source": "gaussian", "spectrum": "blocks", "eigenvalues": "9:0.25, 1:0.75", "architecture": "linear",
        "rate": 0.5, "dimension": 64, "optimizer": "sgd", "learning_rate": 1e-5,
    },
    "3f2c1843b2fd1ea57a1f": {
        "source": "masked", "inner": "manifold", "intrinsic": 3, "curvature": 0.5, "sparsity": 0.1,
        "architecture": "mlp", "hidden": "64-16", "rate": 0.25, "dimension": 32,
    },
    "0310e6e7145f35ecfa06": {
        "source": "dictionary", "atoms": 1.5, "active": 0.1, "architecture": "sparse_coding", "penalty_weight": 0.1,
        "rate": 2.0, "dimension": 20,
    },
    "f503d7331b4ab925fc01": {
        "source": "sparse", "sparsity": 0.2, "architecture": "random_encoder", "decoder": "unrolled",
        "denoiser": "bayes", "layers": 3, "rate": 0.5, "dimension": 100, "seed": 2**31 - 1,
    },
    "39fd3c121bc37d9e647e": {
        "source": "gaussian", "architecture": "denoising", "corruption": "masking", "corruption_level": 0.3,
        "rate": 0.5, "dimension": 64, "steps": 10, "schedule": "linear",
    },
}  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_key_of_a_cell_never_changes(key):
    assert Cell.of(**KEYS[key]).key == key


MIXED = """
name: mixed
axes:
  seed: {from: 9, count: 3}
  source: [sparse, gaussian]
  architecture: [two_layer, linear]
  activation: [sign, tanh]
  surrogate_width: [0.1, 0.2]
  base: [rademacher, generalized_gaussian]
  shape: [1.5, 3]
  sparsity: {from: 0.25, to: 1, count: 4}
  learning_rate: {from: 1e-3, to: 0.1, count: 3, log: true}
  rate: [0.5, 1.0]
  weight_bits: [2, .inf]
  init: random
  dimension: [16, 20]
"""


def test_keys_of_a_study_and_their_order_never_change():
    keys = [cell.key for cell in Study(MIXED, "mixed.yaml").cells]
    assert (len(keys), hashlib.sha256("".join(keys).encode()).hexdigest()[:20]) == (3744, "b1c4ab374a36a273c63e")


@given(st.permutations(sorted(SPARSE)))
def test_order_of_settings_does_not_matter(names):
    assert Cell.of(**{name: SPARSE[name] for name in names}).key == cell().key


@given(st.integers(1, 65536))
def test_number_and_its_float_are_one_cell(dimension):
    assert cell(dimension=float(dimension), sparsity=1).key == cell(dimension=dimension, sparsity=1.0).key


def test_negative_zero_is_zero():
    assert cell(seed=-0.0).key == cell(seed=0).key


@given(st.floats(0.01, 1), st.floats(0.01, 1))
def test_sparsity_tells_cells_apart(first, second):
    assert (cell(sparsity=first).key == cell(sparsity=second).key) == (first == second)


@pytest.mark.parametrize(
    "change",
    [
        {"sparsity": 0.6},
        {"rate": 0.5},
        {"dimension": 17},
        {"seed": 1},
        {"init": "identity"},
        {"base": "laplace"},
        {"activation": "tanh"},
        {"tied": True},
        {"surrogate_width": 0.1},
        {"steps": 10},
        {"batch": 8},
        {"optimizer": "sgd"},
        {"learning_rate": 0.1},
        {"schedule": "constant"},
        {"evaluation_samples": 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_that_matters_changes_the_key(change):
    assert cell(**change).key != cell().key


def test_shape_matters_for_the_base_that_has_one():
    assert cell(base="generalized_gaussian", shape=1.5).key != cell(base="generalized_gaussian", shape=3).key


@pytest.mark.parametrize(
    ("settings", "irrelevant"),
    [
        ({}, {"shape": 3.0}),
        ({"activation": "tanh"}, {"surrogate_width": 0.7}),
        ({"activation": "relu"}, {"surrogate_width": 0.7}),
    ],
)
def test_setting_that_changes_nothing_does_not_change_the_key(settings, irrelevant):
    assert cell(**settings, **irrelevant).key == cell(**settings).key
    assert not set(irrelevant) & set(cell(**settings, **irrelevant).settings)


def test_writing_a_default_out_does_not_change_the_key():
    assert cell(init="random", seed=0, activation="sign", steps=3000).key == cell().key


@pytest.mark.parametrize(("rate", "dimension", "code"), [(0.5, 16, 8), (1.5, 10, 15), (0.33, 10, 3), (0.01, 10, 1)])
def test_code_dimension_is_the_rounded_product(rate, dimension, code):
    assert cell(rate=rate, dimension=dimension).settings["code_dimension"] == code


@pytest.mark.parametrize("value", [10**400, float("nan"), True, "0.5", None])
def test_value_of_the_wrong_kind_is_refused(value):
    with pytest.raises(StudyError, match="sparsity: found"):
        cell(sparsity=value)


@st.composite
def cells_and_widths(draw):
    points = draw(
        st.lists(
            st.tuples(
                st.sampled_from([8, 16]),
                st.sampled_from([0.25, 0.5, 1.0]),
                st.sampled_from(["rademacher", "laplace"]),
                st.integers(0, 5),
            ),
            min_size=1,
            max_size=60,
            unique=True,
        )
    )
    cells = [cell(dimension=d, sparsity=p, base=base, seed=seed) for d, p, base, seed in points]
    return cells, {key: draw(st.integers(1, 9)) for key in {c.shape_key for c in cells}}


@given(cells_and_widths())
def test_packs_hold_every_cell_once_and_are_of_one_shape(case):
    cells, widths = case
    packs = make_packs(cells, widths)
    assert sorted(c.key for pack in packs for c in pack.cells) == sorted(c.key for c in cells)
    for pack in packs:
        (shape,) = {c.shape_key for c in pack.cells}
        assert pack.width == widths[shape]
        assert pack.slots - pack.width < len(pack.cells) <= pack.slots


@given(cells_and_widths(), st.randoms(use_true_random=False))
def test_packs_do_not_depend_on_the_order_of_cells(case, random):
    cells, widths = case
    shuffled = random.sample(cells, len(cells))
    assert {pack.key for pack in make_packs(shuffled, widths)} == {pack.key for pack in make_packs(cells, widths)}


def test_cells_of_a_shape_are_in_the_order_of_streams_and_then_of_settings():
    cells = [
        cell(sparsity=p, init=init, learning_rate=rate, base=base, seed=seed, **shape)
        for p in (0.5, 0.55, 1.0, 1e-5)
        for init in ("random", "identity")
        for rate in (0.1, 1e-7)
        for seed in (2, 10, 1)
        for base, shape in (("laplace", {}), ("generalized_gaussian", {"shape": 2.5}))
    ]
    (found,) = by_shape(cells)
    ordered = sorted(cells, key=lambda c: (str(c.stream), json.dumps(dict(c.settings), sort_keys=True)))
    assert [c.key for c in found] == [c.key for c in ordered]


def test_cells_of_one_stream_with_different_settings_are_in_the_order_of_settings():
    given = ({"b": 0.55}, {"b": 0.5}, {"a": 2, "b": 0.1}, {"a": 10, "b": 0.1}, {"b": 0.5, "z": 1})
    cells = [Cell({**cell().settings, **changes}) for changes in given]
    (found,) = by_shape(cells)
    assert found == sorted(cells, key=lambda c: json.dumps(dict(c.settings), sort_keys=True))


@pytest.mark.parametrize("name", ["b", "z"])  # among the settings, and the last one
def test_number_that_begins_another_is_placed_as_in_the_text(name):
    cells = [Cell({**cell().settings, name: value}) for value in (0.5, 0.55, 5.0, 5e-7)]
    (found,) = by_shape(cells)
    assert found == sorted(cells, key=lambda c: json.dumps(dict(c.settings), sort_keys=True))


def test_cells_that_differ_in_sparsity_or_start_share_draws_and_program():
    first, second = cell(sparsity=0.2), cell(sparsity=0.9, init="identity", learning_rate=0.1)
    assert (first.stream, first.shape_key) == (second.stream, second.shape_key)


def test_cells_that_differ_in_seed_or_base_have_their_own_draws():
    assert len({cell().stream, cell(seed=1).stream, cell(base="uniform").stream}) == 3


def test_cell_is_rebuilt_from_the_settings_of_its_pack():
    (pack,) = make_packs([cell(seed=1), cell(seed=2)], {cell().shape_key: 2})
    assert [Cell(settings).key for settings in pack.settings] == [c.key for c in pack.cells]
