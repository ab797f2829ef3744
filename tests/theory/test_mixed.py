import numpy as np
import pytest
from scipy import stats

from explorer.theory import gaussian_loss, mixed_loss, tie_broken_identity_loss


@pytest.mark.parametrize(
    ("sparsity", "loss", "t"),
    [(0.4, 0.36056, 0.89), (0.5, 0.33866, 1.61), (0.6, 0.29794, 2.39), (0.7, 0.24270, 3.49), (0.8, 0.17454, None)],
)
def test_losses_have_the_known_values(sparsity, loss, t):
    found, best = mixed_loss(1.0, sparsity)
    assert float(found) == pytest.approx(loss, abs=6e-6)
    assert t is None or float(best) == pytest.approx(t, abs=0.006)


@pytest.mark.parametrize(("base", "onset"), [("rademacher", 1 / 3), ("uniform", 0.6)])
def test_rotation_gives_way_where_the_kurtosis_passes_three(base, onset):
    below, above = mixed_loss(1.0, [onset - 0.01, onset + 0.01], base)[1]
    assert below == 0
    assert 0 < above < 1


@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.9])
def test_sparse_gaussian_keeps_the_rotation(sparsity):
    loss, t = mixed_loss(0.7, sparsity, "gaussian")
    assert float(t) == 0
    assert float(loss) == pytest.approx(float(gaussian_loss(0.7)), abs=1e-12)


@pytest.mark.parametrize("base", ["rademacher", "uniform", "laplace"])
def test_both_ends_of_the_family_bound_it(base):
    sparsity = np.linspace(0.01, 1, 12)
    ends = np.minimum(gaussian_loss(0.8), tie_broken_identity_loss(0.8, sparsity, base))
    assert (mixed_loss(0.8, sparsity, base)[0] <= ends + 1e-12).all()


def test_dense_data_are_stored_by_the_identity():
    for base, loss in (("rademacher", 0.0), ("uniform", 0.25)):
        found, t = mixed_loss(1.0, 1.0, base)
        assert float(found) == pytest.approx(loss, abs=1e-12)
        assert float(t) == np.inf


def test_loss_is_linear_in_the_rate_and_unknown_beyond_one():
    loss, t = mixed_loss([0.0, 0.5, 1.0, 1.1], 0.6)
    assert loss[0] == 1
    assert 1 - loss[1] == pytest.approx((1 - loss[2]) / 2)
    assert np.isnan([loss[3], t[3]]).all()


def test_loss_agrees_with_simulation():
    generator = np.random.default_rng(3)
    d, size, p = 64, 20_000, 0.6
    t = float(mixed_loss(1.0, p)[1])
    turn = stats.ortho_group.rvs(d, random_state=generator)
    skew = turn.T @ np.kron(np.eye(d // 2), [[0, 1], [-1, 0]]) @ turn
    rows = (t * np.eye(d) + skew) / np.sqrt(1 + t**2)
    x = np.where(generator.random((size, d)) < p, generator.choice([-1.0, 1.0], (size, d)), 0) / p**0.5
    code = np.sign(x @ rows.T)
    decoder = np.linalg.lstsq(code, x, rcond=None)[0]
    assert float(mixed_loss(1.0, p)[0]) == pytest.approx(np.mean((x - code @ decoder) ** 2), abs=0.01)


def test_arguments_outside_the_domain_are_refused():
    with pytest.raises(ValueError, match="outside"):
        mixed_loss(-1, 0.5)
    with pytest.raises(ValueError, match="outside"):
        mixed_loss(0.5, 0)
