import numpy as np
import pytest

from explorer.observables import observables, observe
from explorer.observables.base import Observable


@pytest.fixture
def seen(monkeypatch):
    """What an observable of the encoder gets, by name."""
    found = {}

    def spy(encoder, raw_encoder):
        found.update(encoder=encoder, raw_encoder=raw_encoder)
        return 0.0

    spying = Observable(spy, ("encoder", "raw_encoder"), observables["localization"].range)
    monkeypatch.setitem(observables._members, "spy", spying)
    return found


def random(n, d):
    return np.random.default_rng(0).standard_normal((n, d)).astype(np.float32)


def test_encoder_of_unit_rows_is_seen_as_it_is(seen):
    encoder = random(3, 5)
    encoder /= np.linalg.norm(encoder, axis=1, keepdims=True)
    observe({"encoder": encoder})
    assert seen["encoder"] is encoder
    assert seen["raw_encoder"] is encoder


def test_rows_within_a_ten_thousandth_of_unit_norm_are_unit_rows(seen):
    encoder = np.diag([1 + 0.9e-4, 1 - 0.9e-4, 1])
    observe({"encoder": encoder})
    assert seen["encoder"] is encoder
    observe({"encoder": np.diag([1 + 1.1e-4, 1, 1])})
    np.testing.assert_array_equal(seen["encoder"], np.eye(3))


def test_encoder_of_other_norms_is_seen_by_its_directions_and_zero_rows_stay(seen):
    encoder = np.array([[3, 4], [0, 0], [0, -1e-30]], dtype=np.float32)
    before = encoder.copy()
    observe({"encoder": encoder})
    np.testing.assert_allclose(seen["encoder"], [[0.6, 0.8], [0, 0], [0, -1]], rtol=1e-12)
    assert seen["raw_encoder"] is encoder
    np.testing.assert_array_equal(encoder, before)


def test_given_raw_encoder_is_not_replaced(seen):
    given = random(4, 2)
    observe({"encoder": np.eye(2), "raw_encoder": given})
    assert seen["raw_encoder"] is given


def test_diverged_raw_encoder_is_not_replaced_by_the_encoder():
    found = observe({"encoder": np.eye(2), "raw_encoder": np.full((2, 2), np.nan)})
    assert found["pooled_localization"] is None
    assert found["localization"] == 1


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0])
def test_order_parameters_of_directions_ignore_the_rows_norms(scale):
    encoder = random(6, 10)
    scaled = encoder * (scale * np.arange(1, 7, dtype=np.float32))[:, None]
    first, second = observe({"encoder": encoder}), observe({"encoder": scaled})
    for name, observable in observables.items():
        if observable.needs == ("encoder",):
            assert second[name] == pytest.approx(first[name], abs=1e-6)


def test_zero_encoder_has_the_values_of_zero_rows():
    found = observe({"encoder": np.zeros((2, 3)), "decoder": np.ones((3, 2))})
    assert (found["localization"], found["peak"], found["coverage"]) == (0, 0, 0)
    assert (found["pooled_localization"], found["tying"]) == (None, None)


def test_tying_of_a_transposed_encoder_is_one_whatever_its_norms():
    encoder = random(6, 10) * np.arange(1, 7, dtype=np.float32)[:, None]
    assert observe({"encoder": encoder, "decoder": encoder.T})["tying"] == pytest.approx(1)


@pytest.mark.parametrize("array", [np.ones(()), np.ones(3), np.ones((2, 3, 4)), np.zeros((0, 3)), np.zeros((3, 0))])
def test_arrays_that_are_no_matrices_are_passed_over(array):
    assert observe({"code": array, "encoder": array}) == dict.fromkeys(observables)
