"""What every observable must do; a new file in explorer/observables is tested here without a line being added."""

import numpy as np
import pytest

from explorer.observables import observables, observe

SIZES = [(24, 24), (12, 24), (36, 24), (1, 24), (1, 1)]
# The distance to a symmetric law sees a flipped row as another sample of it.
SIGNED = {"haar_distance"}


def unit_rows(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def gaussian(n, d, generator):
    return unit_rows(generator.standard_normal((n, d)))


def rotation(n, d, generator):
    blocks = [np.linalg.qr(generator.standard_normal((d, d)))[0] for _ in range(-(-n // d))]
    return np.vstack(blocks)[:n]


def identity(n, d, generator):
    return np.eye(d)[np.arange(n) % d]


def permutation(n, d, generator):
    return np.eye(d)[generator.permutation(d)[np.arange(n) % d]]


def signed_permutation(n, d, generator):
    return permutation(n, d, generator) * generator.choice([-1.0, 1.0], (n, 1))


def mixed(n, d, generator):
    return unit_rows(identity(n, d, generator) + 0.5 * gaussian(n, d, generator))


def collapsed(n, d, generator):
    return np.tile(np.eye(d)[0], (n, 1))


STARTS = [gaussian, rotation, identity, permutation, signed_permutation, mixed, collapsed]


def minimizer(start, size, seed=0):
    encoder = start(*size, np.random.default_rng(seed)).astype(np.float32)
    return {"encoder": encoder, "decoder": 0.7 * encoder.T}


def value(name, matrices):
    observable = observables[name]
    return observable.compute(*(matrices[needed] for needed in observable.needs))


@pytest.fixture(params=list(observables))
def name(request):
    return request.param


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("start", STARTS)
def test_value_is_a_float_within_the_declared_range(name, start, size):
    found = value(name, minimizer(start, size))
    assert isinstance(found, float)
    assert observables[name].range.holds(found) or any(
        found == pytest.approx(end, abs=1e-6) for end in (observables[name].range.low, observables[name].range.high)
    )


@pytest.mark.parametrize("start", STARTS)
def test_order_of_the_code_coordinates_does_not_matter(name, start):
    found = minimizer(start, (12, 24))
    order = np.random.default_rng(1).permutation(12)
    shuffled = {"encoder": found["encoder"][order], "decoder": found["decoder"][:, order]}
    assert value(name, shuffled) == pytest.approx(value(name, found), abs=1e-6)


@pytest.mark.parametrize("start", STARTS)
def test_order_of_the_input_coordinates_does_not_matter(name, start):
    found = minimizer(start, (12, 24))
    order = np.random.default_rng(1).permutation(24)
    shuffled = {"encoder": found["encoder"][:, order], "decoder": found["decoder"][order]}
    assert value(name, shuffled) == pytest.approx(value(name, found), abs=1e-6)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", [n for n in observables if n not in SIGNED], indirect=True)
def test_sign_of_a_code_coordinate_does_not_matter(name, start):
    found = minimizer(start, (12, 24))
    signs = np.random.default_rng(1).choice([-1.0, 1.0], 12).astype(np.float32)
    flipped = {"encoder": found["encoder"] * signs[:, None], "decoder": found["decoder"] * signs}
    assert value(name, flipped) == pytest.approx(value(name, found), abs=1e-6)


@pytest.mark.parametrize("start", [identity, permutation, signed_permutation])
@pytest.mark.parametrize("size", [(24, 24), (12, 24)], ids=str)
@pytest.mark.parametrize("name", [n for n, o in observables.items() if o.identity is not None], indirect=True)
def test_identity_phase_has_the_declared_value(name, start, size):
    assert value(name, minimizer(start, size)) == pytest.approx(observables[name].identity, abs=1e-6)


@pytest.mark.parametrize("size", [(300, 300), (150, 300)], ids=str)
@pytest.mark.parametrize("name", [n for n, o in observables.items() if o.rotation is not None], indirect=True)
def test_random_rotation_has_the_declared_value(name, size):
    expected = observables[name].rotation(*size)
    assert value(name, minimizer(rotation, size)) == pytest.approx(expected, rel=0.03, abs=0.01)


def test_matrices_are_left_as_they_were(name):
    found = minimizer(mixed, (12, 24))
    before = {key: matrix.copy() for key, matrix in found.items()}
    value(name, found)
    for key, matrix in before.items():
        np.testing.assert_array_equal(found[key], matrix)


def test_observe_gives_every_observable_by_name():
    assert set(observe(minimizer(mixed, (12, 24)))) == set(observables)
    assert all(isinstance(found, float) for found in observe(minimizer(mixed, (12, 24))).values())


def test_observable_without_its_matrix_has_no_value():
    found = observe({"encoder": minimizer(mixed, (12, 24))["encoder"]})
    for name, observable in observables.items():
        assert (found[name] is None) == ("decoder" in observable.needs)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_observable_of_a_diverged_matrix_has_no_value(bad):
    matrices = minimizer(mixed, (12, 24))
    matrices["encoder"][3, 5] = bad
    found = observe(matrices)
    for name, observable in observables.items():
        if "encoder" in observable.needs:
            assert found[name] is None
