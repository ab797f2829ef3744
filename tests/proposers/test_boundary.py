import numpy as np
import pandas as pd
import pytest

from explorer.analysis import fit_boundary
from explorer.proposers.base import Ask, Domain, Observed, proposers
from tests.proposers.test_proposers import LINE, grid, half, nothing, observe, rise

BOX = Domain(np.zeros(2), np.ones(2), np.full(2, 0.005), (False, False))


def curve(points):
    return points[:, 0] - 0.3 - 0.4 * points[:, 1] ** 2


def follow(domain, signed, ask, rounds, name="boundary", noise=0.02, near=0.0, start=None):
    """Outcomes after some rounds of a proposer, and its last answer."""
    observed = start or nothing(len(domain.low))
    generator = np.random.default_rng(0)
    found = None
    for _ in range(rounds):
        found = proposers[name](observed, domain, ask)
        if not len(found.seeds):
            break
        mean = rise(signed(found.points))
        values = mean + (noise + near * 4 * mean * (1 - mean)) * generator.standard_normal(len(mean))
        observed = Observed(
            np.concatenate([observed.points, found.points]),
            np.concatenate([observed.seeds, found.seeds]),
            np.concatenate([observed.values, values]),
        )
    return observed, found


@pytest.mark.parametrize("name", ["boundary", "straddle"])
def test_new_points_gather_at_the_boundary(name):
    observed, _ = follow(BOX, curve, Ask(20, 0.002), 8, name)
    late = np.abs(curve(observed.points[80:]))
    assert np.median(late) < 0.05
    uniform = np.abs(curve(grid(BOX, 20)))
    assert np.median(late) < 0.25 * np.median(uniform)


@pytest.mark.parametrize("name", ["boundary", "straddle"])
def test_points_of_a_pack_do_not_pile_up(name):
    found = proposers[name](observe(grid(BOX, 6), curve), BOX, Ask(20, 0.002, seeds_per_point=1))
    new = np.unique(found.points, axis=0)
    apart = np.linalg.norm(new[:, None] - new[None], axis=2) + 9 * np.eye(len(new))
    assert len(new) >= 10
    assert apart.min() > 0.01
    assert np.ptp(new[:, 1]) > 0.6  # along the whole curve


def test_tolerance_is_reached_on_a_line_with_few_trials():
    observed, last = follow(LINE, half, Ask(8, 0.005), 30, noise=0.005)
    assert last.known
    assert last.half_width <= 0.005
    assert last.undecided < 0.02
    assert len(observed.values) < 150
    table = pd.DataFrame({"x": observed.points[:, 0], "seed": observed.seeds, "localization": observed.values})
    (row,) = fit_boundary(table, along="x", estimator="level_set").itertuples()
    assert row.critical == pytest.approx(0.4137, abs=0.005)


def test_tolerance_is_reached_in_a_plane():
    observed, last = follow(BOX, curve, Ask(40, 0.03), 20, noise=0.01)
    assert last.known
    assert last.half_width <= 0.03
    assert len(observed.values) < 500


def test_half_width_shrinks_as_outcomes_come():
    widths = [follow(BOX, curve, Ask(40, 1e-4), rounds)[1].half_width for rounds in (3, 8)]
    assert widths[1] < 0.5 * widths[0]


def test_first_pack_fills_space():
    found = proposers["boundary"](nothing(2), BOX, Ask(26, 0.002))
    points = np.unique(found.points, axis=0)
    away = np.linalg.norm(grid(BOX, 21)[:, None] - points[None], axis=2).min(axis=1)
    assert away.max() < 0.36
    assert np.isnan(found.half_width)
    assert found.undecided > 0.9


@pytest.mark.parametrize("repeat", range(8))
def test_islands_are_found_in_a_plain(repeat):
    centre = np.random.default_rng(repeat).uniform(0.07, 0.93, 2)

    def island(points):
        return 0.07 - np.linalg.norm(points - centre, axis=1)

    observed, _ = follow(BOX, island, Ask(40, 0.002, seed=repeat), 8)
    assert (island(observed.points) > 0).any()


def test_island_is_found_beside_a_boundary():
    def both(points):
        island = 0.07 - np.linalg.norm(points - [0.82, 0.2], axis=1)
        return np.maximum(0.25 - points[:, 0], island)

    start = observe(grid(BOX, 4), both)
    assert not (np.linalg.norm(start.points - [0.82, 0.2], axis=1) < 0.07).any()
    observed, _ = follow(BOX, both, Ask(40, 1e-4), 12, start=start)
    inside = np.linalg.norm(observed.points - [0.82, 0.2], axis=1) < 0.07
    assert inside.sum() >= 6


def test_plain_without_a_boundary_is_covered_and_then_known():
    observed, last = follow(BOX, lambda points: np.full(len(points), -1.0), Ask(60, 0.002), 20)
    assert last.known
    assert last.undecided == 0
    assert np.isnan(last.half_width)
    away = np.linalg.norm(grid(BOX, 41)[:, None] - observed.points[None], axis=2).min(axis=1)
    assert away.max() < 0.07
    assert len(observed.values) < 400


def test_more_seeds_where_noise_dominates():
    points = np.linspace(0, 1, 41)[:, None]
    quiet, loud = (observe(points, half, noise=noise, seed=3) for noise in (0.001, 0.25))
    repeated = []
    for observed in (quiet, loud):
        found = proposers["boundary"](observed, LINE, Ask(16, 1e-4, threshold=0.5))
        repeated.append(found.points[np.isin(found.points[:, 0], points[:, 0])])
        assert len(found.seeds)
    assert len(repeated[0]) == 0
    assert len(repeated[1]) >= 4
    assert np.abs(half(repeated[1])).max() < 0.2


def test_more_seeds_are_new_ones():
    points = np.linspace(0, 1, 41)[:, None]
    observed = observe(points, half, seeds=3, noise=0.25, seed=3)
    found = proposers["boundary"](observed, LINE, Ask(16, 1e-4, threshold=0.5, most_seeds=4))
    again = np.isin(found.points[:, 0], points[:, 0])
    assert again.any()
    assert set(found.seeds[again]) == {3}


def test_pending_points_count_as_if_they_were_there():
    start = grid(BOX, 6)
    first = proposers["boundary"](observe(start, curve), BOX, Ask(20, 0.002))
    new = np.unique(first.points, axis=0)
    waiting = observe(start, curve, pending=np.repeat(new, 2, axis=0))
    second = proposers["boundary"](waiting, BOX, Ask(20, 0.002))
    apart = np.linalg.norm(np.unique(second.points, axis=0)[:, None] - new[None], axis=2).min(axis=1)
    assert apart.min() > 0.01


def test_region_where_trials_fail_is_left_alone():
    start = grid(BOX, 6)
    failed = np.array([[x, y] for x in np.linspace(0.3, 0.7, 15) for y in np.linspace(0.3, 0.7, 15)]).round(3)
    failed = np.round(failed / 0.005) * 0.005
    found = proposers["boundary"](observe(start, curve, failed=failed), BOX, Ask(20, 0.002))
    inside = ((found.points > 0.3) & (found.points < 0.7)).all(axis=1)
    free = proposers["boundary"](observe(start, curve), BOX, Ask(20, 0.002))
    assert inside.sum() < ((free.points > 0.3) & (free.points < 0.7)).all(axis=1).sum()


def test_threshold_moves_the_points():
    observed = observe(np.linspace(0, 1, 21)[:, None], lambda points: 0.1 * (points[:, 0] - 0.5))
    for threshold in (0.2, 0.8):
        found = proposers["straddle"](observed, LINE, Ask(2, 1e-4, threshold=threshold))
        expected = 0.5 + 0.2 * np.log(threshold / (1 - threshold))
        assert np.abs(found.points[0, 0] - expected) < 0.06


def test_outcomes_off_the_lattice_are_used_and_given_more_seeds_where_they_are():
    points = np.linspace(0, 1, 41)[:, None] + 0.00037
    observed = observe(points, half, noise=0.25, seed=3)
    found = proposers["boundary"](observed, LINE, Ask(16, 1e-4, threshold=0.5))
    assert np.isin(found.points[:, 0], points[:, 0]).any()
    assert np.isfinite(found.half_width)


def test_single_seeds_are_enough_to_go_on():
    observed = observe(grid(BOX, 6), curve, seeds=1)
    found = proposers["boundary"](observed, BOX, Ask(10, 0.002))
    assert len(found.seeds) == 10
    assert np.isfinite(found.half_width)
