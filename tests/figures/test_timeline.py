"""What the timeline says of who was at work, without pixels."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from explorer import figure, open_store
from explorer.errors import AnalysisError
from explorer.figures import figures
from explorer.figures.base import Options
from explorer.figures.timeline import extract
from explorer.records import SCHEMA_VERSION, outcome_schema
from explorer.store import StoreWriter
from tests.store.parts import START, sparse

draw = figures["timeline"].picture


def store(place, packs):
    """A store of packs of two cells each: (host, worker, begin, end, [seconds of work, [status]])."""
    writer = StoreWriter(str(place))
    writer.create()
    for number, (host, worker, begin, end, *more) in enumerate(packs):
        cells = [sparse(seed=2 * number + i) for i in (0, 1)]
        work, status = [*more, *(end - begin, "converged")[len(more) :]]
        rows = [
            {**cell.settings, "cell_key": cell.key, "status": status, "pack_key": f"pack{number:03d}", "host": host,
             "worker": worker, "seconds": work / 2, "finished_at": START + timedelta(seconds=end),
             "schema_version": SCHEMA_VERSION}
            for cell in cells
        ]  # fmt: skip
        writer.publish(f"pack{number:03d}", pa.Table.from_pylist(rows, outcome_schema([c.settings for c in cells])))
    return open_store(place)


def lines(data):
    """The bars of every line."""
    return {
        name: [tuple(bar) for bar in data.bars[data.bars["line"] == i][["begin", "end"]].to_numpy()]
        for i, name in enumerate(data.lines)
    }


def test_each_worker_has_a_line_and_each_pack_a_bar(tmp_path):
    data = extract(store(tmp_path, [("a", 1, 0, 10), ("a", 2, 0, 5), ("b", 1, 2, 10), ("a", 2, 5, 9)]), Options())
    assert lines(data) == {"a 1": [(0, 5), (5, 9)], "a 2": [(0, 10)], "b 1": [(2, 10)]}


def test_idle_is_the_share_of_time_after_a_first_pack_in_which_nothing_was_trained(tmp_path):
    data = extract(store(tmp_path, [("a", 1, 0, 10), ("a", 2, 4, 5), ("a", 2, 6, 7)]), Options())
    assert data.idle == pytest.approx(1 - 12 / 16)
    assert data.tail == pytest.approx(3)
    assert "3 packs on 2 workers: 25.0 % idle, the last 3 s not all at work" in draw(data).axes[0].get_title()


def test_a_worker_that_takes_anothers_place_has_its_line(tmp_path):
    data = extract(store(tmp_path, [("a", 1, 0, 4), ("a", 2, 0, 10), ("a", 3, 6, 10)]), Options())
    assert lines(data) == {"a 1": [(0, 4), (6, 10)], "a 2": [(0, 10)]}


def test_parts_of_cells_that_trained_beside_one_another_cover_the_time_at_work(tmp_path):
    data = extract(store(tmp_path, [("a", 1, 0, 6, 4), ("a", 1, 6, 10, 6)]), Options())
    assert lines(data) == {"a 1": [(0, 4), (4, 10)]}
    assert data.idle == pytest.approx(0)


def test_rows_that_do_not_name_their_worker_take_the_first_free_line(tmp_path):
    data = extract(store(tmp_path, [("a", None, 0, 4), ("a", None, 1, 10), ("a", None, 5, 9)]), Options())
    assert lines(data) == {"a 1": [(0, 4), (5, 9)], "a 2": [(1, 10)]}


def test_packs_with_failed_cells_are_marked(tmp_path):
    data = extract(store(tmp_path, [("a", 1, 0, 4), ("a", 1, 4, 8, 4, "failed")]), Options())
    assert list(data.bars["failed"]) == [False, True]
    (marks,) = draw(data).axes[0].lines
    np.testing.assert_allclose(marks.get_xydata(), [[6, 0]])
    assert "with failed cells" in [text.get_text() for text in draw(data).legends[0].get_texts()]


def test_only_the_latest_run_that_trained_anything_is_shown(tmp_path):
    packs = store(tmp_path, [("a", 1, 0, 4), ("a", 1, 1000, 1004), ("a", 2, 1002, 1010)])
    writer = StoreWriter(str(tmp_path))
    for run, begin in (("first", 0), ("second", 999), ("nothing_to_do", 2000)):
        writer.note_run(run, {"started_at": (START + timedelta(seconds=begin)).isoformat(), "state": "finished"})
    assert lines(extract(packs, Options())) == {"a 1": [(0, 4)], "a 2": [(2, 10)]}
    early = extract(packs, Options(where="finished_at < '2026-01-01 00:10:00+00'"))
    assert lines(early) == {"a 1": [(0, 4)]}


def test_two_hundred_workers_fit_on_a_page(tmp_path):
    packs = [(f"host{i // 8}", i % 8, 0, 10 + i / 50) for i in range(200)]
    drawn = figure(store(tmp_path, packs), "timeline")
    assert drawn.get_size_inches()[1] < 8
    assert drawn.axes[0].get_ylabel() == "worker"


def test_cells_that_do_not_say_when_they_were_trained_are_refused(tmp_path):
    packs = store(tmp_path, [("a", 1, 0, 4)])
    with pytest.raises(AnalysisError, match="no cells where seed > 9 that say when"):
        extract(packs, Options(where="seed > 9"))
