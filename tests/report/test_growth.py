"""What is new in a page's data, added to what a page has, gives what the page would have been made of."""

import dataclasses
import json

import numpy as np
import pytest

from explorer.report import View, write_report
from explorer.report.columns import read_cells
from explorer.report.contents import about
from explorer.report.growth import MOST_VERSIONS, State
from explorer.report.page import json_text
from tests.figures.stores import cells, outcome
from tests.report.stores import STUDY, members, publish, rows

# What a page of `before` and the news make, and what it differs in from a page of `whole`.
DIFFERENCES = """([before, news, whole]) => {
  const now = slices.grown(slices.read(before), news), then = slices.read(whole);
  if (now === null) return ["refused"];
  const parts = (page) => Object.fromEntries(Object.entries(page).filter(([name]) =>
    !["status", "settings", "values", "one", "since", "gone", "count"].includes(name)));
  const plain = (page) => ({
    ...parts(page), status: [...page.status], one: page.one.codes.length,
    settings: page.settings.map(({ codes, data, bytes, moved, ...s }) => ({ ...s, codes: [...codes] })),
    values: page.values.map(({ column, data, bytes, ...v }) => ({ ...v, column: [...column].map(String) })),
  });
  const [a, b] = [plain(now), plain(then)];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]));
}"""

SOME = members(sparsity=(0.3, 0.5), rate=1.0)
FIRST = cells(0.5, 1.0, init="random", seed=0)


def wild(cell):
    return {**outcome(cell), "tying": float("inf")}


# What happens to a store, one after the other; each a list of arguments of `publish`.
STEPS = {
    "nothing yet": [],
    "one cell, no setting varies": [(FIRST, rows(FIRST))],
    "settings vary": [(SOME, rows(SOME))],
    "levels between the old": [(members(sparsity=(0.4, 0.6), rate=1.0), None)],
    "a cell fails": [(cells(0.7, 1.0), rows(cells(0.7, 1.0), status="failed", error="no"))],
    "it is trained again": [(cells(0.7, 1.0), rows(cells(0.7, 1.0)))],
    "a setting more": [(members(rate=1.0, base=("gaussian",)), None)],
    "a value that is not finite": [(members(rate=0.25), rows(members(rate=0.25), wild))],
    "enough for boundaries": [(members(), None)],
    "another study": [([], [])],
}


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """The state after each step, and the cells and the rest that it was made of."""
    place, state, history = tmp_path_factory.mktemp("store") / "s", None, []
    store = publish(place, [], [])
    for number, (name, parts) in enumerate(STEPS.items()):
        for chosen, written in parts:
            study = STUDY.replace("known", name)
            store = publish(place, chosen, written, study, pack=f"pack{number}")
        found = read_cells(store)
        said = about(store, View(), found)
        state = State(found, said) if state is None else state.then(found, said)
        history.append(state)
    return history


@pytest.fixture(scope="module")
def differ(browser, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(publish(path.parent / "store", FIRST), path)
    page = browser.new_page()
    page.goto(f"file://{path}")

    def differ(before, news, whole):
        return page.evaluate(DIFFERENCES, [json.loads(json_text(data)) for data in (before, news, whole)])

    yield differ
    page.close()


def test_every_step_has_a_mark_of_its_own(history):
    assert len({state.mark for state in history}) == len(STEPS)


@pytest.mark.parametrize("late", range(1, len(STEPS)), ids=[*STEPS][1:])
def test_a_page_of_any_earlier_step_becomes_that_of_a_later_one(history, differ, late):
    for early in range(late):
        news = history[late].since(history[early].mark)
        assert news["since"] == history[early].mark
        assert differ(history[early].whole(), news, history[late].whole()) == [], [*STEPS][early]


def test_only_cells_that_are_new_or_differ_are_sent(history):
    names = [*STEPS]
    sent = {name: set(history[at].since(history[at - 1].mark)["keys"]) for at, name in enumerate(names) if at > 0}
    again = {cell.key for cell in cells(0.7, 1.0)}
    assert sent["a cell fails"] == sent["it is trained again"] == again
    assert sent["another study"] == set()
    assert sent["levels between the old"] == {cell.key for cell in members(sparsity=(0.4, 0.6), rate=1.0)}
    assert "boundaries" in history[names.index("enough for boundaries")].since(history[0].mark)
    assert "boundaries" not in history[-1].since(history[-2].mark)


def test_the_same_data_are_the_same_version(history):
    last = history[-1]
    assert last.then(last.cells, dict(last.about)) is last


def test_cells_that_are_gone_and_return_are_told(history, differ):
    last = history[-1]
    few = cut(last.cells, np.arange(len(last.cells.keys)) % 3 > 0)
    gone = last.then(few, last.about)
    back = gone.then(last.cells, last.about)
    assert set(gone.since(last.mark)["gone"]) == {*last.cells.keys} - {*few.keys}
    for before, after in ((last, gone), (gone, back), (last, back)):
        assert differ(before.whole(), after.since(before.mark), after.whole()) == []


def cut(found, kept):
    """Some of the cells, levels that none of them has left as they are."""
    return dataclasses.replace(
        found,
        keys=[key for key, keep in zip(found.keys, kept, strict=True) if keep],
        status=found.status[kept],
        settings=[dataclasses.replace(s, codes=s.codes[kept]) for s in found.settings],
        values={name: column[kept] for name, column in found.values.items()},
    )


def test_whoever_lost_its_place_gets_all(history, differ):
    last = history[-1]
    again = State(last.cells, last.about)  # the server that was started again
    for mark in (last.mark, "", "nonsense"):
        assert again.since(mark) == again.whole()
    older = history[-2].whole()
    assert differ(older, last.since(history[0].mark), last.whole()) == ["refused"]
    news = last.since(history[-2].mark)
    assert differ(older, {**news, "count": news["count"] + 1}, last.whole()) == ["refused"]


def test_another_value_of_a_cell_is_told(history, differ):
    last = history[-1]
    losses = last.cells.values["loss"].copy()
    losses[[1, 5]] = (np.nan, 0.125)
    after = last.then(dataclasses.replace(last.cells, values={**last.cells.values, "loss": losses}), last.about)
    news = after.since(last.mark)
    assert news["keys"] == [last.cells.keys[1], last.cells.keys[5]]
    assert differ(last.whole(), news, after.whole()) == []


def test_few_versions_are_remembered(history):
    first = history[-1]
    fewer = cut(first.cells, np.arange(len(first.cells.keys)) % 2 == 0)
    state = first
    for turn in range(MOST_VERSIONS):
        assert state.since(first.mark)["since"] == first.mark
        state = state.then(fewer, {**first.about, "title": str(turn)})
    assert "since" not in state.since(first.mark)
    assert len(state._versions) == MOST_VERSIONS
    assert state._gone == {}
