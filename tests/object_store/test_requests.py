"""How many requests reading takes: two for each part that is not merged, and as few as ever once a run has kept its store tidy."""

import pytest

from explorer.store import StoreWriter, open_store
from explorer.store.compact import tidy
from tests.store.parts import curves, outcomes, sparse

PARTS = 60


@pytest.fixture
def publish(place):
    writer = StoreWriter(place)
    writer.create()

    def some(first, count=PARTS):
        for i in range(first, first + count):
            writer.publish(f"p{i}", outcomes([sparse(seed=i)], f"p{i}"), curves([sparse(seed=i)], f"p{i}"))

    return some


ASKED = {
    "keys": lambda store: len(store.keys()),
    "query": lambda store: len(store.sql("SELECT loss FROM cells")),
    "status": lambda store: store.status()["cells"],
}


def asked(s3, place):
    """The rows that each finds in a store opened for it, and the requests that takes."""
    found = []
    for ask in ASKED.values():
        s3.reset_counts()
        found.append((ask(open_store(place)), s3.counts().total()))
    return found


def test_parts_are_read_once_each_and_merged_ones_not_at_all(s3, place, publish):
    publish(0)
    before = asked(s3, place)
    assert [rows for rows, _ in before] == [PARTS] * 3
    assert all(requests <= 2 * PARTS + 20 for _, requests in before)

    s3.reset_counts()
    done = {folder.folder: folder for folder in tidy(place, most_parts=PARTS)}
    assert (done["cells"].merged, done["cells"].into, done["cells"].waiting) == (PARTS, 1, PARTS)
    assert s3.counts()["GET"] <= 2 * PARTS + 10

    after = asked(s3, place)
    assert [rows for rows, _ in after] == [PARTS] * 3
    assert all(requests <= 30 for _, requests in after)

    publish(PARTS)
    tidy(place, most_parts=PARTS)
    larger = asked(s3, place)
    assert [rows for rows, _ in larger] == [2 * PARTS] * 3
    assert all(requests <= 40 for _, requests in larger)


def test_tidy_merges_merged_files_only_when_there_are_many(place, publish):
    merged = []
    for turn in range(5):
        publish(10 * turn, 10)
        merged.append(tidy(place, most_parts=10, most_merged=3)[0].merged)
        assert len(open_store(place).keys()) == 10 * (turn + 1)
    assert merged == [10, 10, 10, 13, 10]
    assert tidy(place, most_parts=10, most_merged=3)[0].into == 0


def test_tidy_that_is_stopped_loses_nothing(place, publish):
    publish(0, 20)

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tidy(place, most_parts=10, check=stop)
    assert len(open_store(place).keys()) == 20
    assert tidy(place, most_parts=10)[0].merged == 20
