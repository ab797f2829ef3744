"""Rounds of a `refine` section, against outcomes that are made up."""

import math
import re

import numpy as np
import pytest

from explorer.analysis import fit_boundary
from explorer.cells import Cell
from explorer.errors import StudyError
from explorer.proposers.refinement import Refinement
from explorer.proposers.rounds import rounds_of
from explorer.store import StoreWriter, open_store, study_name
from explorer.study import Study
from tests.store.parts import outcomes

TEXT = """
name: refined
axes:
  source: sparse
  architecture: two_layer
  dimension: 8
  rate: {rates}
  sparsity: {{from: 0.1, to: 1.0, count: 7}}
  seed: {{count: 3}}
  init: {inits}
refine: {{along: sparsity, tolerance: {tolerance}, budget: {budget}, batch: {batch}}}
"""
CRITICAL = {0.5: 0.42, 1.0: 0.63}


def study(rates="[1.0]", inits="[random, identity]", budget=400, batch=16, tolerance=0.01):
    asked = TEXT.format(rates=rates, inits=inits, budget=budget, batch=batch, tolerance=tolerance)
    return Study(asked, "refined.yaml")


def order(cell):
    """A localization that rises at the critical sparsity of the cell's rate, a little later or earlier by seed."""
    s = cell.settings
    if s["init"] != "random":
        return 0.99
    shift = 0.004 * math.sin(12.9 * int(s["seed"]) + 1)
    critical = CRITICAL[float(s["rate"])] + shift
    return 0.1 + 0.85 / (1 + math.exp(-(float(s["sparsity"]) - critical) / 0.02))


class Trained:
    """A store into which rounds are trained by a formula."""

    def __init__(self, place, asked):
        self.study, self.name = asked, study_name(asked.text)
        self.writer = StoreWriter(str(place))
        self.writer.create()
        self.writer.keep_study(asked.text, [cell.key for cell in asked.cells])
        self.parts = 0
        self.train(asked.cells)

    @property
    def store(self):
        return open_store(self.writer.files.name)

    def train(self, cells, failing=()):
        for group, status in ((set(failing), "failed"), ({c.key for c in cells} - set(failing), "converged")):
            chosen = [cell for cell in cells if cell.key in group]
            if not chosen:
                continue
            self.parts += 1
            table = outcomes(chosen, f"p{self.parts}", status)
            if status == "converged":
                at = table.schema.get_field_index("localization")
                table = table.set_column(at, table.schema.field(at), [[order(cell) for cell in chosen]])
            self.writer.publish(f"p{self.parts}", table)

    def rounds(self, most=40):
        """Propose and train to the end; the cells of every round."""
        found = []
        for number in range(1, most):
            answer = Refinement(self.study).propose(self.store)
            if not answer.cells:
                return found, answer.said
            self.writer.keep_round(self.name, "refine", number, answer.cells)
            self.train(answer.cells)
            found.append(answer.cells)
        raise AssertionError(f"no end after {most} rounds")


@pytest.fixture
def trained(tmp_path):
    return Trained(tmp_path / "store", study())


def test_boundary_is_found_to_the_tolerance_for_less_than_the_budget(trained):
    rounds, said = trained.rounds()
    assert "known to 0.01" in said[0]
    (row,) = fit_boundary(trained.store.to_pandas(), along="sparsity", estimator="level_set").itertuples()
    assert row.critical == pytest.approx(CRITICAL[1.0], abs=0.01)
    assert row.high - row.low < 0.04
    grid, spent = len(trained.study.cells), sum(map(len, rounds))
    assert 0 < spent < 400
    assert trained.store.status()["planned"] == grid + spent


def test_points_lie_on_the_resolution_and_have_every_start(trained):
    cells = Refinement(trained.study).propose(trained.store).cells
    steps = [(float(cell.settings["sparsity"]) - 0.1) / 0.005 for cell in cells]
    assert np.allclose(steps, np.round(steps), atol=1e-6)
    by_point = {}
    for cell in cells:
        by_point.setdefault((cell.settings["sparsity"], cell.settings["seed"]), set()).add(cell.settings["init"])
    assert all(starts == {"random", "identity"} for starts in by_point.values())


def test_same_outcomes_propose_the_same_cells(trained):
    first, second = ([cell.key for cell in Refinement(trained.study).propose(trained.store).cells] for _ in range(2))
    assert first == second
    assert len(set(first)) == len(first)


def test_cells_that_are_there_are_not_proposed_again(trained):
    rounds, _ = trained.rounds()
    keys = [cell.key for cells in rounds for cell in cells]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & {cell.key for cell in trained.study.cells}


def test_budget_is_never_exceeded_and_said_to_be_spent(tmp_path):
    rounds, said = Trained(tmp_path / "store", study(budget=10, batch=8, tolerance=0.0001)).rounds()
    assert sum(map(len, rounds)) == 10
    assert "the budget is spent" in said[0]


def test_each_combination_of_the_other_axes_has_a_boundary_of_its_own(tmp_path):
    trained = Trained(tmp_path / "store", study(rates="[0.5, 1.0]", inits="random", budget=600))
    rounds, said = trained.rounds()
    assert "known to 0.01" in said[0]
    for rate, critical in CRITICAL.items():
        points = [float(c.settings["sparsity"]) for cells in rounds for c in cells if c.settings["rate"] == rate]
        assert min(abs(point - critical) for point in points) < 0.05


def test_failed_cells_are_left_out_and_not_tried_again(trained):
    answer = Refinement(trained.study).propose(trained.store)
    trained.writer.keep_round(trained.name, "refine", 1, answer.cells)
    bad = float(answer.cells[0].settings["sparsity"])
    trained.train(answer.cells, [c.key for c in answer.cells if float(c.settings["sparsity"]) == bad])
    again = Refinement(trained.study).propose(trained.store)
    assert bad not in {float(cell.settings["sparsity"]) for cell in again.cells}
    assert re.search(r"\d+ failed or diverged and are left out", again.said[0])


def test_cells_without_an_outcome_yet_are_not_proposed_again_nor_their_points(trained):
    answer = Refinement(trained.study).propose(trained.store)
    trained.writer.keep_round(trained.name, "refine", 1, answer.cells)
    again = Refinement(trained.study).propose(trained.store)
    pending, new = ({float(cell.settings["sparsity"]) for cell in one.cells} for one in (answer, again))
    assert new
    assert not pending & new


def test_sobol_rounds_are_one_sequence(tmp_path):
    """Two rounds of eight points have the coverage of the sequence's first sixteen."""
    text = study(inits="random", batch=8).text.replace("refine: {", "refine: {proposer: sobol, seeds: 1, ")
    asked = Study(text, "refined.yaml")
    at_once = Refinement(Study(text.replace("batch: 8", "batch: 16"), "refined.yaml"))
    trained, whole = Trained(tmp_path / "two", asked), Trained(tmp_path / "one", asked)
    for number in (1, 2):
        answer = Refinement(asked).propose(trained.store)
        trained.writer.keep_round(trained.name, "refine", number, answer.cells)
        trained.train(answer.cells)
    proposed = {key for one in trained.store.rounds() for key in one.keys}
    assert proposed == {cell.key for cell in at_once.propose(whole.store).cells}


def test_rounds_are_read_back_as_they_were_kept(trained):
    answer = Refinement(trained.study).propose(trained.store)
    trained.writer.keep_round(trained.name, "refine", 1, answer.cells)
    (kept,) = trained.store.rounds(trained.name)
    assert (kept.section, kept.number) == ("refine", 1)
    assert [Cell(settings).key for settings in kept.settings] == list(kept.keys) == [c.key for c in answer.cells]
    assert set(kept.keys) <= trained.store.planned_keys()


def test_round_says_what_is_undecided_and_what_it_cost(trained):
    (said,) = Refinement(trained.study).propose(trained.store).said
    assert re.search(r"round 1: \d+\.\d% of the diagram undecided, boundary ±0\.\d+ along sparsity, 0 of 400", said)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{along: sparsty, budget: 9}", r'refine.along: "sparsty" is no axis.*Did you mean "sparsity"'),
        ("{along: seed, budget: 9}", r'"seed" is no continuous number'),
        ("{along: rate, budget: 9}", r"axes.rate: found 1 values, expected at least 3"),
        ("{along: [sparsity, sparsity], budget: 9}", r"expected one axis, or two different ones"),
        ("{along: sparsity, budget: 9, order: localisation}", r'no observable "localisation".*"localization"'),
        ("{along: sparsity, budget: 0}", r"refine.budget"),
        ("{along: sparsity}", r"refine.budget: missing"),
        ("{along: sparsity, budget: 9, by: [seed]}", r"expected axes other than along, seed and init"),
        ("{along: sparsity, budget: 9, tolerance: 0}", r"refine.tolerance"),
        ("{along: sparsity, budget: 9, resolution: -1.0}", r"expected a positive number for each axis"),
        ("{along: sparsity, budget: 9, proposer: bondary}", r'no proposer "bondary".*"boundary"'),
        ("{along: sparsity, budget: 9, tolerence: 0.1}", r'unknown key.*"tolerance"'),
    ],
)
def test_bad_section_is_refused_before_anything_is_trained(section, message):
    text = TEXT.format(rates="[1.0]", inits="random", budget=1, batch=1, tolerance=0.01)
    text = re.sub(r"refine: .*", f"refine: {section}", text)
    with pytest.raises(StudyError, match=message):
        rounds_of(Study(text, "refined.yaml"))


def test_two_axes_are_refined_together(tmp_path):
    text = """
name: plane
axes:
  source: sparse
  architecture: two_layer
  dimension: 8
  rate: 1.0
  sparsity: {from: 0.1, to: 1.0, count: 5}
  surrogate_width: {from: 0.1, to: 1.0, count: 5}
  seed: {count: 2}
refine: {along: [sparsity, surrogate_width], tolerance: 0.01, resolution: [0.01, 0.02], budget: 120, batch: 40}
"""
    trained = Trained(tmp_path / "store", Study(text, "plane.yaml"))
    rounds, _ = trained.rounds()
    assert 0 < sum(map(len, rounds)) <= 120
    cells = [cell for cells in rounds for cell in cells]
    assert len({cell.settings["surrogate_width"] for cell in cells}) > 5
    away = np.array([abs(float(cell.settings["sparsity"]) - CRITICAL[1.0]) for cell in cells])
    assert np.median(away) < 0.225  # of points spread evenly
