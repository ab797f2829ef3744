import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from explorer import datasets
from explorer.architectures import architectures
from explorer.cells import Cell
from explorer.errors import StudyError
from tests.architectures.packs import observed, train

ANISOTROPIC = {"source": "gaussian", "spectrum": "power_law", "dimension": 16, "rate": 0.25, "evaluation_samples": 4096}


def test_it_beats_principal_components_of_the_same_training_images_on_the_test_images():
    images = datasets.matrices("digits", 1, 0, 0.2, scaling="global")
    pca = PCA(4).fit(images.train)
    linear = ((images.test - pca.inverse_transform(pca.transform(images.test))) ** 2).mean()
    (result,) = train(
        source="images", architecture="mlp", rate=4 / 64, steps=800, batch=128, learning_rate=0.01,
        evaluation_samples=2048,
    )  # fmt: skip
    assert observed(result)["pca_loss"] == pytest.approx(linear, rel=0.01)
    assert result.loss < 0.75 * linear


def test_without_hidden_layers_it_finds_the_principal_subspace():
    (result,) = train(**ANISOTROPIC, architecture="mlp", hidden="", steps=1000, learning_rate=0.01)
    values = observed(result)
    assert result.loss == pytest.approx(values["pca_loss"], rel=0.02)
    assert values["subspace_distance"] < 0.01


@pytest.mark.parametrize(("activation", "layer"), [("relu", nn.ReLU), ("gelu", nn.GELU), ("elu", nn.ELU)])
def test_it_is_an_hourglass_of_linear_layers_with_activations_between(activation, layer):
    model = architectures["mlp"](10, 2, hidden="7-5", activation=activation)
    model.initialise("random", torch.Generator().manual_seed(0))
    sizes = [(10, 7), (7, 5), (5, 2), (2, 5), (5, 7), (7, 10)]
    plain = nn.Sequential(
        nn.Linear(10, 7), layer(), nn.Linear(7, 5), layer(), nn.Linear(5, 2),
        nn.Linear(2, 5), layer(), nn.Linear(5, 7), layer(), nn.Linear(7, 10),
    )  # fmt: skip
    values = list(model.parameters())
    assert [(v.shape[1], v.shape[0]) for v in values[::2]] == sizes
    assert all((bias == 0).all() for bias in values[1::2])
    with torch.no_grad():
        for ours, theirs in zip(values, plain.parameters(), strict=True):
            theirs.copy_(ours.normal_())
    x = torch.randn(6, 10)
    assert torch.allclose(model(x), plain(x), atol=1e-5)
    assert torch.allclose(model.code(x), plain[:5](x), atol=1e-5)


def test_the_start_neither_shrinks_nor_blows_up_the_signal():
    model = architectures["mlp"](200, 100, hidden="300-300-300", activation="relu")
    model.initialise("random", torch.Generator().manual_seed(0))
    x = torch.randn(500, 200)
    assert 0.3 < model.code(x).square().mean() < 4


def test_one_code_unit_and_one_hidden_unit_train():
    for hidden in ("", "1", "3-1"):
        (result,) = train(
            source="gaussian", dimension=3, rate=0.3, architecture="mlp", hidden=hidden, steps=20, evaluation_samples=64
        )
        assert result.probe["code"].shape == (64, 1)


def test_deep_weights_are_kept_under_their_names_and_linear_ones_as_encoder_and_decoder():
    deep, linear = (architectures["mlp"](8, 2, hidden=hidden).minimizer() for hidden in ("4", ""))
    assert not {"encoder", "decoder"} & deep.keys()
    assert linear["encoder"].shape == (2, 8)
    assert linear["decoder"].shape == (8, 2)


@pytest.mark.parametrize("hidden", ["64-", "0", "64x32", "-", "6 4", "064"])
def test_hidden_widths_of_another_form_are_refused(hidden):
    with pytest.raises(StudyError, match="hidden widths such as"):
        Cell.of(source="gaussian", dimension=8, rate=0.5, architecture="mlp", hidden=hidden)


def test_its_activations_are_its_own():
    with pytest.raises(StudyError, match="activation"):
        Cell.of(source="gaussian", dimension=8, rate=0.5, architecture="mlp", activation="sign")


def test_an_activation_without_hidden_layers_makes_no_other_cell():
    given = {"source": "gaussian", "dimension": 8, "rate": 0.5, "architecture": "mlp"}
    assert Cell.of(**given, hidden="", activation="tanh").key == Cell.of(**given, hidden="").key
    assert Cell.of(**given, activation="tanh").key != Cell.of(**given).key
