import numpy as np
import pytest

from explorer.analysis.gaussian_process import MOST_POINTS, Field, kept, unit_box, variance_of_means
from explorer.errors import AnalysisError


def plane(count, seed=0):
    return np.random.default_rng(seed).random((count, 2))


def wave(points):
    return np.sin(5 * points[:, 0]) + 0.3 * points[:, 1]


def steps(points):
    return 1 / (1 + np.exp(-(points[:, 0] - 0.5) / 0.05))


def noisy(count, noise, seed=0, of=wave):
    points = plane(count, seed)
    means = of(points) + noise * np.random.default_rng(seed + 1).standard_normal(count)
    return points, means, np.full(count, noise**2)


def test_smooth_function_is_found_between_its_points():
    points, means, variances = noisy(60, 0.01)
    there = 0.1 + 0.8 * plane(50, 9)
    mean, sd = Field.fit(points, means, variances).predict(there)
    np.testing.assert_allclose(mean, wave(there), atol=0.05)
    assert (sd < 0.05).all()


def test_intervals_cover_the_function_about_as_often_as_they_say():
    there = plane(300, 99)
    inside = []
    for seed in range(6):
        mean, sd = Field.fit(*noisy(40, 0.1, seed)).predict(there)
        inside.append(np.abs(mean - wave(there)) < 1.96 * sd)
    assert np.mean(inside) > 0.85


def test_axis_that_does_nothing_has_the_longer_length():
    lengths = Field.fit(*noisy(60, 0.01, of=lambda points: np.sin(8 * points[:, 0]))).lengths
    assert lengths[1] > 3 * lengths[0]


def test_noise_is_smoothed_away_and_certain_means_are_met():
    x = np.linspace(0, 1, 9)[:, None]
    means = np.where(np.arange(9) == 4, 1.0, 0.0)
    certain, _ = Field.fit(x, means, np.full(9, 1e-8)).predict(x[[4]])
    uncertain, _ = Field.fit(x, means, np.where(np.arange(9) == 4, 4.0, 1e-4)).predict(x[[4]])
    assert certain[0] == pytest.approx(1, abs=0.01)
    assert abs(uncertain[0]) < 0.1


def test_unknown_noise_is_found_with_the_kernel():
    points, means, _ = noisy(80, 0.2)
    field = Field.fit(points, means, np.full(80, np.nan))
    assert np.sqrt(field.noise.mean()) * field.scale == pytest.approx(0.2, rel=0.4)
    assert np.abs(field.predict(points)[0] - wave(points)).mean() < 0.12


def test_draws_have_the_mean_and_covariance_that_are_predicted():
    field = Field.fit(*noisy(12, 0.1))
    there = plane(4, 5)
    mean, sd = field.predict(there)
    draws = field.sample(there, 20000, seed=1)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=4 * sd.max() / 141)
    np.testing.assert_allclose(np.cov(draws.T), field.covariance(there), atol=0.05 * sd.max() ** 2)
    np.testing.assert_allclose(np.sqrt(np.diag(field.covariance(there))), sd, rtol=1e-6)


def test_mean_of_the_same_means_is_the_prediction():
    points, means, variances = noisy(20, 0.1)
    field = Field.fit(points, means, variances)
    there = plane(7, 3)
    both = field.mean_of(there, np.stack([means, 2 * means]))
    np.testing.assert_allclose(both[0], field.predict(there)[0])
    assert both.shape == (2, 7)
    assert not np.allclose(both[1], both[0])


def test_variance_without_a_point_is_that_of_a_field_without_it():
    points, means, variances = noisy(15, 0.1)
    field = Field.fit(points, means, variances)
    at = field.box(points)
    rest = np.arange(15) != 4
    gain = field.kernel(at[[4]], at[rest]) @ np.linalg.solve(
        field.kernel(at[rest]) + np.diag(field.noise[rest]), field.kernel(at[rest], at[[4]])
    )
    expected = field.scale**2 * (field.kernel.diag(at[[4]]) - gain[0])
    assert field.variance_without()[4] == pytest.approx(expected[0], rel=1e-6)


def test_same_points_give_the_same_field():
    first, second = (Field.fit(*noisy(50, 0.05)).predict(plane(20, 4)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_small_island_in_a_wide_plain_is_kept():
    x = np.linspace(0, 1, 14)
    points = np.stack([each.ravel() for each in np.meshgrid(x, x)], axis=1)
    inside = np.linalg.norm(points - points[5 * 14 + 6], axis=1) < 0.05
    field = Field.fit(points, inside.astype(float), np.full(196, 1e-3), level=0.5)
    assert field.predict(points[inside])[0].min() > 0.7
    assert field.predict(points[~inside])[0].max() < 0.4


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_points_are_met_and_far_from_them_little_is_known(count):
    x = np.linspace(0, 0.2, count)[:, None]
    means = np.linspace(0, 1, count)
    field = Field.fit(x, means, np.full(count, 1e-4), (0,), (1,))
    mean, sd = field.predict(np.array([[0.0], [0.2], [1.0]]))
    assert mean[0] == pytest.approx(0, abs=0.1)
    assert np.isfinite(sd).all()
    assert sd[2] > sd[0]


@pytest.mark.parametrize("variance", [0.0, 0.01, np.nan])
def test_constant_means_are_a_constant_field(variance):
    mean, sd = Field.fit(plane(10), np.full(10, 0.3), np.full(10, variance)).predict(plane(5, 1))
    np.testing.assert_allclose(mean, 0.3, atol=1e-6)
    assert (sd <= 0.1 + 1e-9).all()


def test_duplicated_points_are_averaged():
    points, means, _ = noisy(12, 0.1)
    twice = Field.fit(np.concatenate([points, points]), np.concatenate([means - 0.02, means + 0.02]), np.zeros(24))
    mean, _ = twice.predict(points)
    np.testing.assert_allclose(mean, means, atol=0.02)


def test_more_points_than_are_kept_leave_those_at_the_level():
    points, means, variances = noisy(MOST_POINTS + 200, 0.05, of=steps)
    chosen = kept(means, 0.5)
    assert len(chosen) == MOST_POINTS
    nearest = np.argsort(np.abs(means - 0.5))[:500]
    assert np.isin(nearest, chosen).all()
    field = Field.fit(points, means, variances, level=0.5)
    assert len(field.points) == MOST_POINTS
    assert field.predict(np.array([[0.5, 0.5]]))[0][0] == pytest.approx(0.5, abs=0.05)


def test_logarithmic_axis_is_even_in_the_unit_box():
    box = unit_box(np.array([[1e-3], [1e-2], [1e-1]]), (1e-3,), (1e-1,), (True,))
    np.testing.assert_allclose(box[:, 0], [0, 0.5, 1])


def test_logarithmic_axis_shows_a_function_of_the_logarithm():
    x = np.geomspace(1e-4, 1, 15)[:, None]
    field = Field.fit(x, np.sin(np.log(x[:, 0])), np.full(15, 1e-6), log=(True,))
    between = np.sqrt(x[3:-4] * x[4:-3])
    np.testing.assert_allclose(field.predict(between)[0], np.sin(np.log(between[:, 0])), atol=0.02)


def test_variance_of_a_mean_shrinks_towards_its_neighbours():
    x = np.linspace(0, 1, 40)[:, None]
    generator = np.random.default_rng(0)
    truth = np.where(x[:, 0] < 0.5, 0.01, 1.0)
    sampled = truth * generator.chisquare(1, 40)
    found = variance_of_means(x, np.full(40, 2), sampled)
    alone = sampled / 2
    error = [np.abs(np.log(np.maximum(each, 1e-9) / (truth / 2))).mean() for each in (found, alone)]
    assert error[0] < 0.6 * error[1]


def test_two_seeds_that_agree_do_not_make_a_certain_mean():
    x = np.linspace(0, 1, 10)[:, None]
    sampled = np.where(np.arange(10) == 5, 0.0, 0.04)
    found = variance_of_means(x, np.full(10, 2), sampled)
    assert found[5] > 0.005


def test_more_seeds_make_a_mean_more_certain():
    x = np.linspace(0, 1, 10)[:, None]
    found = variance_of_means(x, np.where(np.arange(10) == 5, 8, 2), np.full(10, 0.04))
    assert found[5] == pytest.approx(found[0] / 4)


def test_single_seeds_say_nothing_of_noise():
    assert np.isnan(variance_of_means(plane(5), np.ones(5, dtype=int), np.zeros(5))).all()


def test_a_single_seed_takes_the_noise_of_its_neighbours():
    found = variance_of_means(plane(5), np.array([2, 2, 2, 2, 1]), np.array([0.04, 0.04, 0.04, 0.04, 0.0]))
    assert found[4] == pytest.approx(0.04)


@pytest.mark.parametrize(
    ("points", "means", "variances", "options", "message"),
    [
        (np.empty((0, 1)), np.empty(0), np.empty(0), {}, "shape \\(0, 1\\), expected"),
        (plane(4)[:, 0], np.zeros(4), np.zeros(4), {}, "expected \\(point, axis\\)"),
        (np.zeros((4, 3)), np.zeros(4), np.zeros(4), {}, "one or two axes"),
        (plane(4), np.zeros(3), np.zeros(4), {}, "means of shape \\(3,\\)"),
        (plane(4), np.array([0, 1, np.nan, 0]), np.zeros(4), {}, "not finite"),
        (plane(4), np.zeros(4), np.array([0, 1, np.nan, 0]), {}, "missing in part"),
        (plane(4), np.zeros(4), np.full(4, -1.0), {}, "negative"),
        (plane(4) - 1, np.zeros(4), np.zeros(4), {"log": (False, True)}, "axis 1 is logarithmic"),
    ],
    ids=["none", "flat", "three", "shape", "nan", "part", "negative", "log"],
)
def test_bad_data_are_refused_with_what_was_found(points, means, variances, options, message):
    with pytest.raises(AnalysisError, match=message) as caught:
        Field.fit(points, means, variances, **options)
    assert "\n" not in str(caught.value)
