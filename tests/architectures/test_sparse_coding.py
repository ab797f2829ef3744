import numpy as np
import pytest

from explorer.cells import Cell
from explorer.errors import StudyError
from tests.architectures.packs import observed, train

ATOMS = {
    "source": "dictionary", "dimension": 32, "architecture": "sparse_coding", "batch": 128, "learning_rate": 0.02,
    "evaluation_samples": 4096,
}  # fmt: skip


@pytest.fixture(scope="module")
def overcomplete():
    """64 atoms in 32 dimensions, 2 of them active on average; penalties 0 and 1."""
    return train(
        {"penalty_weight": 0.0}, {"penalty_weight": 1.0}, **ATOMS, atoms=2.0, active=2 / 64, rate=2.0, steps=2000
    )


def test_it_recovers_the_atoms_of_an_overcomplete_dictionary(overcomplete):
    values = observed(overcomplete[1])
    assert values["dictionary_recovery"] > 0.9
    assert values["active_share"] < 0.2


def test_without_a_penalty_it_loses_less_and_finds_no_atoms(overcomplete):
    free, penalised = overcomplete
    assert free.loss < 0.1 * penalised.loss
    assert observed(free)["dictionary_recovery"] < 0.6


def test_it_recovers_as_many_atoms_as_dimensions():
    results = train({"seed": 0}, {"seed": 1}, **ATOMS, atoms=1.0, active=2 / 32, rate=1.0, steps=1200)
    assert min(observed(result)["dictionary_recovery"] for result in results) > 0.9


def test_rows_have_unit_norm_and_the_decoder_is_their_transpose(overcomplete):
    for result in overcomplete:
        np.testing.assert_allclose(np.linalg.norm(result.minimizer["encoder"], axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(result.minimizer["decoder"], result.minimizer["encoder"].T)


@pytest.mark.parametrize("rate", [1 / 32, 6.0])
def test_it_trains_at_any_rate(rate):
    (result,) = train(**{**ATOMS, "evaluation_samples": 64}, rate=rate, steps=10)
    assert result.probe["code"].shape == (64, round(32 * rate))


def test_logits_are_refused():
    with pytest.raises(StudyError, match=r"distortion: .* expected squared_error"):
        Cell.of(source="images", scaling="none", rate=1.0, architecture="sparse_coding", distortion="cross_entropy")
