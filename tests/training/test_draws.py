"""Random words: a function of (seed, purpose, step, position) on every device."""

from typing import get_args

import pytest
import torch

from explorer.training.draws import Purpose, _on_device, uniforms, words

SEEDS, STEPS = [3, 2**31 - 1, 0, 3], [0, 5, 10**9, 1]


@pytest.mark.parametrize("count", [1, 7, 8, 9, 4097])
@pytest.mark.parametrize("place", range(len(get_args(Purpose))))
def test_a_gpu_draws_the_bits_of_the_host(count, place):
    purpose = get_args(Purpose)[place]
    on_host = words(SEEDS, purpose, STEPS, count)
    assert torch.equal(_on_device(SEEDS, place, STEPS, count, torch.device("cpu")), on_host)


def test_words_of_a_pair_do_not_depend_on_the_others():
    together = words(SEEDS, "training", STEPS, 100)
    for i, (seed, step) in enumerate(zip(SEEDS, STEPS, strict=True)):
        assert torch.equal(words([seed], "training", [step], 100)[0], together[i])
        assert torch.equal(words([seed], "training", [step], 30)[0], together[i, :30])


def test_seeds_purposes_and_steps_draw_apart():
    drawn = [words([s], p, [t], 64) for s in (0, 1) for p in ("training", "noise") for t in (0, 1)]
    assert all((a != b).float().mean() > 0.9 for i, a in enumerate(drawn) for b in drawn[:i])


def test_uniforms_have_their_moments_and_leave_out_the_ends():
    u = uniforms(words([0], "training", [0], 200_000).reshape(-1), 2)
    assert u.shape == (100_000, 2)
    assert 0 < float(u.min()) < float(u.max()) < 1
    assert float(u.mean()) == pytest.approx(0.5, abs=0.002)
    assert float(u.var()) == pytest.approx(1 / 12, rel=0.01)
