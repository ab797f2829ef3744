import numpy as np
import pytest

from explorer.theory import rate_distortion, reverse_waterfilling


@pytest.mark.parametrize(
    ("base", "sparsity", "rate", "value"),
    [
        ("gaussian", 0.1, 0.5, 0.04001),
        ("gaussian", 0.5, 0.8, 0.21924),
        ("gaussian", 1, 1, 0.25),
        ("rademacher", 0.1, 0.2, 0.56658),
        ("rademacher", 0.8, 1, 0.12702),
    ],
)
def test_distortions_have_the_known_values_within_their_stated_error(base, sparsity, rate, value):
    found, error = rate_distortion(rate, sparsity, base)
    assert abs(float(found) - value) <= float(error) + 6e-6
    assert float(error) < 2e-4


@pytest.mark.parametrize("rate", [0.1, 1.0, 3.0])
def test_nearly_dense_gaussian_is_nearly_its_closed_form(rate):
    found, error = rate_distortion(rate, 0.9999, "gaussian")
    assert float(found) == pytest.approx(2 ** (-2 * rate), abs=float(error) + 1e-3)


def test_dense_signs_follow_their_closed_form():
    flip = 0.11002786443835955
    assert float(rate_distortion(0.5, 1.0)[0]) == pytest.approx(4 * flip * (1 - flip), abs=1e-9)
    np.testing.assert_allclose(rate_distortion([0, 1, 2], 1.0)[0], [1, 0, 0])


def blahut_arimoto(x, weights, slope, steps=3000):
    """Rate (bits) and distortion of a discrete source at one slope, on a grid of outputs."""
    outputs = np.linspace(x.min(), x.max(), 241)
    kernel = np.exp(-slope * (x[:, None] - outputs) ** 2)
    q = np.full(len(outputs), 1 / len(outputs))
    for _ in range(steps):
        q = q * ((weights / (kernel @ q)) @ kernel)
    z = kernel @ q
    distortion = weights @ ((kernel * (x[:, None] - outputs) ** 2) @ q / z)
    return (-weights @ np.log(z) - slope * distortion) / np.log(2), distortion


@pytest.mark.parametrize(("sparsity", "slope"), [(0.05, 0.25), (0.5, 1.0)])
def test_ternary_source_agrees_with_blahut_arimoto(sparsity, slope):
    a = sparsity**-0.5
    rate, distortion = blahut_arimoto(np.array([-a, 0, a]), np.array([sparsity / 2, 1 - sparsity, sparsity / 2]), slope)
    found, error = rate_distortion(rate, sparsity)
    assert found - error <= distortion <= found + 1e-3


def test_sparse_uniform_source_agrees_with_blahut_arimoto():
    nodes, weights = np.polynomial.legendre.leggauss(80)
    x, w = np.append(nodes * 6**0.5, 0), np.append(weights / 4, 0.5)
    rate, distortion = blahut_arimoto(x, w, 1.5)
    found, error = rate_distortion(rate, 0.5, "uniform")
    assert float(found) == pytest.approx(distortion, abs=float(error) + 2e-4)


@pytest.mark.parametrize(
    ("base", "shape", "sparsity"),
    [("gaussian", None, 0.01), ("laplace", None, 0.3), ("uniform", None, 1.0), ("generalized_gaussian", 8.0, 0.5)],
)
def test_distortion_falls_and_is_convex_up_to_its_error(base, shape, sparsity):
    value, error = rate_distortion(np.linspace(0, 2, 9), sparsity, base, shape)
    assert value[0] == 1
    assert (np.diff(value) <= error[1:] + error[:-1]).all()
    assert (np.diff(value, 2) >= -4 * error.max()).all()
    assert (error <= 1e-3).all()


def test_signs_are_known_after_their_entropy():
    entropy = 0.5 + 1.0
    assert float(rate_distortion(entropy + 1e-9, 0.5)[0]) == 0


def test_reverse_waterfilling_fills_from_below():
    np.testing.assert_allclose(reverse_waterfilling([1, 1], [0, 0.5, 2]), [1, 0.5, 1 / 16])
    np.testing.assert_allclose(
        reverse_waterfilling([4, 0.25], [0, 0.25, 0.5, 1, 2]), [2.125, 1.125, 0.625, 0.25, 0.0625]
    )
    np.testing.assert_allclose(reverse_waterfilling([4, 0], [1]), [4 / 32])
    np.testing.assert_allclose(reverse_waterfilling([0, 0], [1]), [0])
    np.testing.assert_allclose(
        reverse_waterfilling([9, 1], 0.5, shares=[0.25, 0.75]), reverse_waterfilling([9, 1, 1, 1], 0.5)
    )


def test_arguments_outside_the_domain_are_refused():
    for call in (
        lambda: rate_distortion(-1, 0.5),
        lambda: rate_distortion(1, 2),
        lambda: reverse_waterfilling([1], -1),
    ):
        with pytest.raises(ValueError, match="outside"):
            call()
    with pytest.raises(ValueError, match="eigenvalues"):
        reverse_waterfilling([], 1)
