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


CODES = {"sign": np.sign, "relu": lambda u: np.maximum(u, 0), "linear": lambda u: u}
SAMPLES = 200


def second_moment(d, generator):
    factor = generator.standard_normal((d, 2 * d))
    return factor @ factor.T / (2 * d)


def minimizer(start, size, seed=0, activation="sign"):
    """Every matrix that an observable may need."""
    generator = np.random.default_rng(seed)
    n, d = size
    encoder = start(n, d, generator).astype(np.float32)
    x = generator.standard_normal((SAMPLES, d))
    matrices = {
        "encoder": encoder,
        "raw_encoder": encoder,
        "decoder": 0.7 * encoder.T,
        "code": CODES[activation](x @ encoder.T.astype(np.float64)),
        "jacobian": generator.uniform(0, 3, (SAMPLES, 1)),
        "elbo": generator.normal(-1, 1, (SAMPLES, 1)),
        "kl": generator.uniform(0, 1, (SAMPLES, 1)),
        "covariance": second_moment(d, generator),
        "evaluation_covariance": second_moment(d, generator),
        "dictionary": unit_rows(generator.standard_normal((d + 2, d))).T,
    }
    return {key: matrix.astype(np.float32).copy() for key, matrix in matrices.items()}


# What the rows and the columns of each matrix count.
COUNTS = {
    "encoder": ("code", "input"),
    "raw_encoder": ("code", "input"),
    "decoder": ("input", "code"),
    "code": ("sample", "code"),
    "jacobian": ("sample", ""),
    "elbo": ("sample", ""),
    "kl": ("sample", ""),
    "covariance": ("input", "input"),
    "evaluation_covariance": ("input", "input"),
    "dictionary": ("input", "atom"),
}


def reordered(matrices, kind):
    """The matrices after a shuffle of the code coordinates, the input coordinates, the samples or the atoms."""
    orders = {}

    def order(length, counted):
        if counted != kind:
            return np.arange(length)
        return orders.setdefault(length, np.random.default_rng(1).permutation(length))

    return {
        key: matrix[np.ix_(order(len(matrix), COUNTS[key][0]), order(matrix.shape[1], COUNTS[key][1]))]
        for key, matrix in matrices.items()
    }


def flipped(matrices):
    """The matrices after a change of sign of half of the code coordinates."""
    signs = np.random.default_rng(1).choice([-1, 1], matrices["code"].shape[1]).astype(np.float32)
    ends = {("code", "input"): signs[:, None], ("input", "code"): signs, ("sample", "code"): signs}
    return {key: matrix * ends.get(COUNTS[key], np.float32(1)) for key, matrix in matrices.items()}


def value(name, matrices):
    observable = observables[name]
    return observable.compute(*(matrices[needed] for needed in observable.needs))


@pytest.fixture(params=list(observables))
def name(request):
    return request.param


def within(name, found):
    ends = observables[name].range.low, observables[name].range.high
    return observables[name].range.holds(found) or any(found == pytest.approx(end, abs=1e-6) for end in ends)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("start", STARTS)
def test_value_is_a_float_within_the_declared_range(name, start, size):
    found = value(name, minimizer(start, size))
    assert isinstance(found, float)
    assert within(name, found)


@pytest.mark.parametrize("activation", [a for a in CODES if a != "sign"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", [n for n, o in observables.items() if "code" in o.needs], indirect=True)
def test_value_of_a_continuous_code_is_within_the_declared_range_or_not_a_number(name, size, activation):
    found = value(name, minimizer(gaussian, size, activation=activation))
    assert isinstance(found, float)
    assert np.isnan(found) or within(name, found)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("kind", ["code", "input", "sample", "atom"])
def test_order_of_the_coordinates_the_samples_and_the_atoms_does_not_matter(name, kind, start):
    found = minimizer(start, (12, 24))
    assert value(name, reordered(found, kind)) == pytest.approx(value(name, found), abs=1e-6)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", [n for n in observables if n not in SIGNED], indirect=True)
def test_sign_of_a_code_coordinate_does_not_matter(name, start):
    found = minimizer(start, (12, 24))
    assert value(name, flipped(found)) == pytest.approx(value(name, found), abs=1e-6)


@pytest.mark.parametrize("matrix", list(COUNTS))
def test_value_of_a_zero_matrix_is_within_the_declared_range_or_not_a_number(name, matrix):
    matrices = minimizer(mixed, (12, 24))
    matrices[matrix] = np.zeros_like(matrices[matrix])
    found = value(name, matrices)
    assert isinstance(found, float)
    assert np.isnan(found) or within(name, found)


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


@pytest.mark.parametrize("missing", list(COUNTS))
def test_observable_without_its_matrix_has_no_value(missing):
    matrices = minimizer(mixed, (12, 24))
    del matrices[missing]
    found = observe(matrices)
    for name, observable in observables.items():
        # The encoder stands in for a missing raw_encoder.
        assert (found[name] is None) == (missing in observable.needs and missing != "raw_encoder")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("matrix", list(COUNTS))
def test_observable_of_a_diverged_matrix_has_no_value(matrix, bad):
    matrices = minimizer(mixed, (12, 24))
    matrices[matrix][3, -1] = bad
    found = observe(matrices)
    for name, observable in observables.items():
        assert (found[name] is None) == (matrix in observable.needs)
