import numpy as np
import pytest
import torch

from explorer.axes import Axis, Interval
from explorer.errors import ExplorerError, StudyError
from explorer.sources import Source, sources
from explorer.sources.masked import Masked, _axes
from tests.sources.cells import cell, draw, law_of, reference, uniforms


def masked(inner="gaussian", sparsity=0.3, **settings):
    if inner != "images":
        settings = {"dimension": 5, **settings}
    return cell("masked", inner=inner, sparsity=sparsity, **settings)


@pytest.mark.parametrize("sparsity", [0.1, 0.5, 1.0])
def test_masked_gaussian_is_the_sparse_source_with_a_gaussian_base(sparsity):
    sparse = cell("sparse", base="gaussian", sparsity=sparsity, dimension=5)
    u = uniforms(law_of(sparse), 2000)
    assert torch.equal(draw(masked(sparsity=sparsity), u), draw(sparse, u))


@pytest.mark.parametrize("sparsity", [0.1, 0.5])
def test_kurtosis_is_that_of_the_inner_source_over_the_sparsity(sparsity):
    x = draw(masked(sparsity=sparsity), 100_000).double()
    assert x.square().mean().item() == pytest.approx(1, rel=0.03)
    assert x.pow(4).mean().item() == pytest.approx(3 / sparsity, rel=0.06)


def test_mask_scales_the_second_moments_off_the_diagonal():
    inner = cell("gaussian", dimension=5, spectrum="spiked")
    dense, thin = reference(inner)["covariance"], reference(masked(spectrum="spiked", sparsity=0.3))["covariance"]
    np.testing.assert_allclose(np.diagonal(thin), np.diagonal(dense))
    np.testing.assert_allclose((thin - 0.3 * dense), np.diag(0.7 * np.diagonal(dense)), atol=1e-12)


def test_at_sparsity_one_the_data_are_those_of_the_inner_source():
    full, inner = masked("images", 1.0), cell("images")
    u = uniforms(law_of(full), 50)
    assert torch.equal(draw(full, u), draw(inner, u[:, 64:]))


def test_masked_images_are_images_with_pixels_left_out():
    thin, inner = masked("images", 0.25, scaling="none"), cell("images", scaling="none")
    u = uniforms(law_of(thin), 500)
    x, whole = draw(thin, u), draw(inner, u[:, 64:])
    kept = u[:, :64] < 0.25
    torch.testing.assert_close(x, torch.where(kept, 2 * whole, 0.0))
    assert thin.settings["dimension"] == 64
    assert law_of(thin).finite


def test_dictionary_is_known_through_the_mask():
    np.testing.assert_array_equal(
        reference(masked("dictionary"))["dictionary"], reference(cell("dictionary", dimension=5))["dictionary"]
    )


def test_data_are_not_in_the_unit_interval():
    with pytest.raises(StudyError, match="cross_entropy needs data in"):
        masked("images", scaling="none", distortion="cross_entropy")


def test_any_source_without_a_sparsity_can_be_inside():
    inner = next(axis for axis in Masked.axes if axis.name == "inner").domain
    assert set(inner.values) == {n for n, s in sources.items() if all(a.name != "sparsity" for a in s.axes)}
    with pytest.raises(StudyError, match=r'"sparse" is outside \{dictionary, '):
        masked("sparse")


def test_settings_of_the_inner_source_are_checked_by_it():
    with pytest.raises(StudyError, match=r'intrinsic: found 6 in dimension 5, expected at most 5.*source "masked"'):
        masked("manifold", intrinsic=6)
    with pytest.raises(StudyError, match="samples: found 5000, and there are 1438 images"):
        masked("images", samples=5000)


def test_setting_of_another_inner_source_is_left_out():
    assert masked("gaussian", curvature=1.0).key == masked("gaussian").key


class One(Source):
    axes = (Axis("width_of_it", "float", Interval(0, 1), 0.5),)


class Two(Source):
    axes = (Axis("width_of_it", "float", Interval(0, 1), 0.5), Axis("depth_of_it", "float", Interval(0, 1), 0.5))


class Three(Source):
    axes = (Axis("width_of_it", "float", Interval(0, 2), 0.5),)


def test_setting_that_inner_sources_share_is_one_setting():
    merged = {axis.name: axis for axis in _axes((("one", One), ("two", Two)))}
    assert merged["width_of_it"].when == {"inner": ("one", "two")}
    assert merged["depth_of_it"].when == {"inner": ("two",)}


def test_setting_that_two_inner_sources_declare_differently_is_refused():
    with pytest.raises(ExplorerError, match='"width_of_it": source "three" declares it otherwise than source "one"'):
        _axes((("one", One), ("three", Three)))
