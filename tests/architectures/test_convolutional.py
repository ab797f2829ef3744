import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from explorer import datasets
from explorer.architectures import architectures
from explorer.cells import Cell
from explorer.errors import StudyError
from tests.architectures.packs import train

GIVEN = {"source": "gaussian", "rate": 0.25, "architecture": "convolutional"}


def test_it_beats_principal_components_of_the_same_training_images_on_the_test_images():
    images = datasets.matrices("digits", 1, 0, 0.2, scaling="global")
    pca = PCA(4).fit(images.train)
    linear = ((images.test - pca.inverse_transform(pca.transform(images.test))) ** 2).mean()
    (result,) = train(
        source="images", architecture="convolutional", rate=4 / 64, steps=400, batch=128, learning_rate=0.01,
        evaluation_samples=2048,
    )  # fmt: skip
    assert result.loss < 0.85 * linear


@pytest.mark.parametrize("channels", [1, 3])
def test_it_is_strided_convolutions_and_their_mirror(channels):
    d = channels * 8 * 8
    model = architectures["convolutional"](d, 5, channels=channels, features="4-6", activation="tanh")
    model.initialise("random", torch.Generator().manual_seed(0))
    plain = nn.Sequential(
        nn.Unflatten(1, (channels, 8, 8)), nn.Conv2d(channels, 4, 4, 2, 1), nn.Tanh(), nn.Conv2d(4, 6, 4, 2, 1), nn.Tanh(),
        nn.Flatten(), nn.Linear(6 * 2 * 2, 5),
        nn.Linear(5, 6 * 2 * 2), nn.Unflatten(1, (6, 2, 2)), nn.Tanh(), nn.ConvTranspose2d(6, 4, 4, 2, 1), nn.Tanh(),
        nn.ConvTranspose2d(4, channels, 4, 2, 1), nn.Flatten(),
    )  # fmt: skip
    with torch.no_grad():
        for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
            theirs.copy_(ours.normal_())
    x = torch.randn(3, d)
    assert torch.allclose(model.code(x), plain[:7](x), atol=1e-4)
    assert torch.allclose(model(x), plain(x), atol=1e-4)


def test_the_start_neither_shrinks_nor_blows_up_the_signal():
    model = architectures["convolutional"](3 * 32 * 32, 64, channels=3, features="16-32-64")
    model.initialise("random", torch.Generator().manual_seed(0))
    x = torch.randn(50, 3 * 32 * 32)
    assert 0.2 < model.code(x).square().mean() < 5
    assert 0.1 < model(x).square().mean() < 5


def test_images_of_two_by_two_and_one_code_unit_train():
    (result,) = train(**GIVEN, dimension=4, features="3", steps=20, evaluation_samples=64)
    assert result.probe["code"].shape == (64, 1)


@pytest.mark.parametrize(
    ("settings", "where", "says"),
    [
        ({"dimension": 60}, "dimension", "such as 49 or 64"),
        ({"dimension": 64, "channels": 3}, "dimension", "such as 48 or 75"),
        ({"dimension": 2, "channels": 3}, "dimension", "such as 3"),
        ({"dimension": 144, "features": "4-4-4"}, "features", "at most 2 numbers"),
        ({"dimension": 81}, "features", "an even side"),
        ({"dimension": 64, "features": "4-"}, "features", "numbers of channels such as"),
    ],
)
def test_what_is_no_square_image_that_halves_is_refused(settings, where, says):
    with pytest.raises(StudyError, match=says) as caught:
        Cell.of(**GIVEN, **settings)
    assert str(caught.value).startswith(where)
