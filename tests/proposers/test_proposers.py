"""What every proposer promises."""

import numpy as np
import pytest

from explorer.errors import StudyError
from explorer.proposers.base import Ask, Domain, Observed, proposers

PLANE = Domain(np.array([0.2, 0.0]), np.array([1.0, 2.0]), np.array([0.01, 0.05]), (False, False))
LINE = Domain(np.array([0.0]), np.array([1.0]), np.array([0.001]), (False,))


def nothing(axes):
    return Observed(np.empty((0, axes)), np.empty(0, dtype=np.int64), np.empty(0))


def rise(distance, width=0.02):
    return 1 / (1 + np.exp(-np.asarray(distance) / width))


def observe(points, signed, seeds=2, noise=0.01, seed=0, **more):
    """Every point with some seeds."""
    rows = np.repeat(points, seeds, axis=0)
    values = rise(signed(rows)) + noise * np.random.default_rng(seed).standard_normal(len(rows))
    return Observed(rows, np.tile(np.arange(seeds), len(points)), values, **more)


def grid(domain, count):
    lines = [np.linspace(low, high, count) for low, high in zip(domain.low, domain.high, strict=True)]
    return np.stack([each.ravel() for each in np.meshgrid(*lines, indexing="ij")], axis=1)


def line(points):
    """A straight boundary in the plane."""
    return points[:, 0] - 0.5 - 0.1 * points[:, 1]


def half(points):
    """A boundary of an interval."""
    return points[:, 0] - 0.4137


def rows(proposal):
    return list(zip(map(tuple, proposal.points.tolist()), proposal.seeds.tolist(), strict=True))


@pytest.fixture(params=["boundary", "straddle", "sobol", "grid"])
def proposer(request):
    assert request.param in proposers
    return proposers[request.param]


@pytest.mark.parametrize(("domain", "signed"), [(LINE, half), (PLANE, line)], ids=["line", "plane"])
def test_points_lie_on_the_lattice_and_in_the_box(proposer, domain, signed):
    axes = len(domain.low)
    for observed in (nothing(axes), observe(grid(domain, 5), signed)):
        found = proposer(observed, domain, Ask(12, 0.001))
        assert len(found.seeds) == len(found.points) == 12
        for axis in range(axes):
            assert np.isin(found.points[:, axis], domain.steps(axis)).all()


def test_logarithmic_axis_is_snapped_to_its_ratios(proposer):
    domain = Domain(np.array([1e-3]), np.array([1.0]), np.array([0.05]), (True,))
    found = proposer(nothing(1), domain, Ask(40, 0.01))
    assert np.isin(found.points[:, 0], domain.steps(0)).all()
    assert (found.points[:, 0] < 0.03).any()


@pytest.mark.parametrize("count", [1, 2, 5, 16])
def test_no_more_rows_than_wanted_and_none_twice(proposer, count):
    observed = observe(grid(PLANE, 5), line)
    found = proposer(observed, PLANE, Ask(count, 0.001))
    assert 1 <= len(found.seeds) <= count
    assert len(set(rows(found))) == len(found.seeds)
    there = set(zip(map(tuple, observed.points.tolist()), observed.seeds.tolist(), strict=True))
    assert not there & set(rows(found))


def test_new_points_get_their_first_seeds(proposer):
    found = proposer(nothing(2), PLANE, Ask(12, 0.001, seeds_per_point=3))
    points, counts = np.unique(found.points, axis=0, return_counts=True)
    assert (len(points), set(counts)) == (4, {3})
    assert set(found.seeds) == {0, 1, 2}


def test_same_question_has_the_same_answer(proposer):
    observed = observe(grid(PLANE, 5), line, noise=0.1)
    first, second = (proposer(observed, PLANE, Ask(10, 0.001, seed=4)) for _ in range(2))
    assert rows(first) == rows(second)
    assert (first.undecided, first.half_width) == (second.undecided, second.half_width)


def test_order_of_the_outcomes_does_not_matter(proposer):
    observed = observe(grid(PLANE, 5), line)
    turned = Observed(observed.points[::-1], observed.seeds[::-1], observed.values[::-1])
    first, second = (proposer(each, PLANE, Ask(10, 0.001)) for each in (observed, turned))
    assert rows(first) == rows(second)


@pytest.mark.parametrize("what", ["pending", "failed"])
def test_pending_and_failed_points_are_not_proposed(proposer, what):
    before = proposer(observe(grid(PLANE, 5), line), PLANE, Ask(10, 0.001))
    new = np.unique(before.points, axis=0)
    after = proposer(observe(grid(PLANE, 5), line, **{what: new}), PLANE, Ask(10, 0.001))
    assert len(after.seeds) == 10
    assert not set(map(tuple, new.tolist())) & set(map(tuple, after.points.tolist()))


def test_values_that_are_not_finite_are_left_out(proposer):
    observed = observe(grid(PLANE, 5), line)
    bad = Observed(
        np.concatenate([observed.points, observed.points]),
        np.concatenate([observed.seeds, observed.seeds + 2]),
        np.concatenate([observed.values, np.full(len(observed.values), np.nan)]),
    )
    good, worse = (proposer(each, PLANE, Ask(6, 0.001)) for each in (observed, bad))
    assert good.half_width == worse.half_width
    assert rows(good) == rows(worse)


@pytest.mark.parametrize("steps", [(1,), (2,), (3,), (1, 1), (1, 4), (2, 3)], ids=str)
def test_tiny_domain_is_exhausted_point_by_point(proposer, steps):
    axes = len(steps)
    domain = Domain(np.zeros(axes), np.array(steps) - 1.0, np.ones(axes), (False,) * axes)
    observed = nothing(axes)
    for _ in range(20):
        found = proposer(observed, domain, Ask(2, 0.1, seeds_per_point=1, most_seeds=3))
        if not len(found.seeds):
            break
        values = 0.1 * found.points.sum(axis=1)
        observed = Observed(
            np.concatenate([observed.points, found.points]),
            np.concatenate([observed.seeds, found.seeds]),
            np.concatenate([observed.values, values]),
        )
    else:
        raise AssertionError("it does not end")
    assert found.known
    assert len(np.unique(observed.points, axis=0)) == np.prod(steps)


def test_exhausted_domain_with_a_boundary_ends_with_its_seeds(proposer):
    domain = Domain(np.array([0.0]), np.array([7.0]), np.array([1.0]), (False,))
    observed = nothing(1)
    for turn in range(40):
        found = proposer(observed, domain, Ask(4, 1e-6, most_seeds=4))
        if not len(found.seeds):
            break
        assert found.seeds.max() < 4
        noise = 0.3 * np.random.default_rng(turn).standard_normal(len(found.seeds))
        observed = Observed(
            np.concatenate([observed.points, found.points]),
            np.concatenate([observed.seeds, found.seeds]),
            np.concatenate([observed.values, (found.points[:, 0] > 3.5) + noise]),
        )
    else:
        raise AssertionError("it does not end")
    assert len(set(zip(observed.points[:, 0], observed.seeds, strict=True))) == len(observed.seeds)
    assert len(np.unique(observed.points)) == 8


def test_answer_is_known_when_the_boundary_is(proposer):
    dense = np.linspace(0.3, 0.5, 21)[:, None]
    points = np.concatenate([dense, np.linspace(0, 1, 51)[:, None]])
    found = proposer(observe(np.unique(points, axis=0), half, noise=0.001), LINE, Ask(8, 0.01))
    assert found.known
    assert not len(found.seeds)
    assert 0 < found.half_width < 0.01
    assert found.undecided < 0.03
    again = proposer(observe(np.unique(points, axis=0), half, noise=0.001), LINE, Ask(8, 1e-5))
    assert not again.known
    assert len(again.seeds)


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        (Domain(np.zeros(3), np.ones(3), np.ones(3), (False,) * 3), "3 axes, expected one or two"),
        (Domain(np.ones(1), np.zeros(1), np.ones(1), (False,)), "axis 0 goes from 1 to 0"),
        (Domain(np.zeros(1), np.ones(1), np.zeros(1), (False,)), "in steps of 0"),
        (Domain(np.zeros(1), np.ones(1), np.ones(1), (True,)), "a positive low"),
    ],
    ids=["axes", "range", "steps", "log"],
)
def test_domain_that_cannot_be_is_refused(proposer, domain, message):
    with pytest.raises(StudyError, match=message) as caught:
        proposer(nothing(len(domain.low)), domain, Ask(4, 0.1))
    assert "\n" not in str(caught.value)
