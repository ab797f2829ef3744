import numpy as np
import pytest

from explorer.cells import Cell
from explorer.errors import StudyError
from tests.architectures.packs import observed, train

ANISOTROPIC = {
    "source": "gaussian", "spectrum": "power_law", "dimension": 16, "rate": 2.0, "architecture": "sparse_code",
    "steps": 600, "evaluation_samples": 4096,
}  # fmt: skip
WEIGHTS = (0.0, 0.1, 1.0)


@pytest.fixture(scope="module", params=["l1", "kl"])
def results(request):
    return train(*[{"penalty_weight": w} for w in WEIGHTS], **ANISOTROPIC, penalty=request.param)


def test_a_heavier_penalty_buys_a_sparser_code_at_a_higher_loss(results):
    values = [observed(result) for result in results]
    assert all(np.diff([v["code_sparsity"] for v in values]) > 0)
    assert all(np.diff([result.loss for result in results]) > 0)
    assert all(np.diff([result.probe["code"].mean() for result in results]) < 0)


def test_the_objective_is_the_loss_and_the_penalty(results):
    penalty = results[0].cell.settings["penalty"]
    for result in results:
        code, settings = result.probe["code"].astype(float), result.cell.settings
        if penalty == "l1":
            paid = np.abs(code).sum(axis=1).mean() / code.shape[1]
        else:
            rho, mean = settings["target"], code.mean(axis=0)
            paid = (rho * np.log(rho / mean) + (1 - rho) * np.log((1 - rho) / (1 - mean))).mean()
        expected = result.loss + settings["penalty_weight"] * paid
        assert result.objective == pytest.approx(expected, rel=0.1, abs=0.003)


def test_columns_have_unit_norm_beside_l1_alone(results):
    norms = np.stack([np.linalg.norm(result.minimizer["decoder"], axis=0) for result in results])
    if results[0].cell.settings["penalty"] == "l1":
        np.testing.assert_allclose(norms, 1, atol=1e-5)
    else:
        assert np.abs(norms - 1).max() > 0.1


def test_a_heavy_kl_penalty_brings_every_unit_to_its_target():
    (result,) = train(**{**ANISOTROPIC, "rate": 0.5}, penalty="kl", penalty_weight=100.0, target=0.2)
    np.testing.assert_allclose(result.probe["code"].mean(axis=0), 0.2, atol=0.02)


def test_one_code_unit_trains():
    for penalty in ("l1", "kl"):
        (result,) = train(**{**ANISOTROPIC, "rate": 0.05, "steps": 20}, penalty=penalty)
        assert result.probe["code"].shape[1] == 1


def test_the_target_matters_beside_kl_alone():
    assert Cell.of(**ANISOTROPIC, target=0.3).key == Cell.of(**ANISOTROPIC).key
    assert Cell.of(**ANISOTROPIC, penalty="kl", target=0.3).key != Cell.of(**ANISOTROPIC, penalty="kl").key


@pytest.mark.parametrize(
    "settings",
    [{"penalty": "kl", "target": 0.0}, {"penalty": "kl", "target": 1.0}, {"penalty_weight": -1.0}, {"penalty": "l2"}],
)
def test_values_outside_their_domains_are_refused(settings):
    with pytest.raises(StudyError, match='architecture "sparse_code"'):
        Cell.of(**ANISOTROPIC, **settings)
