"""A key is the same wherever, and however, its cell is written down: on any machine, under any locale, in any order."""

import json
import locale
import os
import random
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.cells import Cell
from explorer.errors import StudyError
from explorer.study import Study

PLAIN = {"source": "sparse", "architecture": "two_layer", "sparsity": 0.5, "rate": 1.0, "dimension": 16}
SETTINGS = st.fixed_dictionaries({
    "sparsity": st.floats(1e-6, 1.0), "rate": st.floats(0.1, 2.0), "dimension": st.integers(1, 512), "seed": st.integers(0, 2**31 - 1),
    "learning_rate": st.floats(1e-12, 1e3), "steps": st.integers(1, 10**9), "tied": st.booleans(),
    "init": st.sampled_from(["random", "identity"]), "base": st.sampled_from(["rademacher", "laplace", "uniform"]),
})  # fmt: skip

IN_ANOTHER_PROCESS = """
import json, locale, os, sys
for name in (os.environ["WANTED_LOCALE"], "C"):
    try:
        locale.setlocale(locale.LC_ALL, name)
        break
    except locale.Error:
        continue
from explorer.cells import Cell
rows = json.load(sys.stdin)
print(json.dumps([Cell.of(**row).key for row in rows]))
"""


def cells(count):
    drawn = random.Random(0)
    return [
        {
            **PLAIN,
            "sparsity": drawn.random(),
            "learning_rate": 10 ** drawn.uniform(-9, 2),
            "seed": drawn.randrange(2**31),
            "dimension": drawn.choice([16, 54919, 1000]),
            "rate": 0.1 + 0.2 * (1 + drawn.randrange(9)),
        }
        for _ in range(count)
    ]


def test_hash_seed_locale_and_time_zone_of_a_process_change_no_key():
    """Another process, with a hash seed of its own, a locale that writes 0,5 where it is there, and settings in reverse order."""
    rows = cells(50)
    environment = {
        **os.environ, "PYTHONHASHSEED": "4294967295", "LC_ALL": "de_DE.UTF-8", "WANTED_LOCALE": "de_DE.UTF-8", "TZ": "Asia/Kolkata",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS],
        input=json.dumps([dict(reversed(row.items())) for row in rows]),
        env=environment,
        text=True,
        capture_output=True,
        timeout=300,
        check=True,
    )
    assert json.loads(done.stdout) == [Cell.of(**row).key for row in rows]


def test_a_locale_that_writes_a_comma_changes_no_key():
    expected = Cell.of(**{**PLAIN, "sparsity": 0.1 + 0.2}).key
    before = locale.setlocale(locale.LC_ALL)
    try:
        for name in ("de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "C"):
            try:
                locale.setlocale(locale.LC_ALL, name)
            except locale.Error:
                continue
            assert Cell.of(**{**PLAIN, "sparsity": 0.1 + 0.2}).key == expected
    finally:
        locale.setlocale(locale.LC_ALL, before)


@settings(max_examples=100, derandomize=True, database=None)
@given(SETTINGS, st.randoms(use_true_random=False))
def test_key_survives_any_order_and_the_way_through_text(given, shuffle):
    """Settings in any order, and as JSON has them, whose floats are read back to the last bit."""
    row = {**PLAIN, **given}
    items = list(row.items())
    shuffle.shuffle(items)
    cell = Cell.of(**row)
    assert Cell.of(**dict(items)).key == cell.key
    assert Cell.of(**json.loads(json.dumps(row))).key == cell.key
    assert Cell(json.loads(json.dumps(dict(cell.settings)))).key == cell.key


@settings(max_examples=100, derandomize=True, database=None)
@given(SETTINGS, SETTINGS)
def test_keys_are_equal_where_all_settings_are(first, second):
    one, other = Cell.of(**{**PLAIN, **first}), Cell.of(**{**PLAIN, **second})
    assert (one.key == other.key) == (dict(one.settings) == dict(other.settings))


@settings(max_examples=60, derandomize=True, database=None)
@given(SETTINGS, st.sampled_from(["sparsity", "rate", "learning_rate"]), st.booleans())
def test_the_next_float_is_another_cell(given, name, up):
    import numpy as np

    row = {**PLAIN, **given}
    row[name] = float(np.clip(row[name], 0.2, 0.9))
    changed = {**row, name: float(np.nextafter(row[name], 2.0 if up else 0.0))}
    assert Cell.of(**row).key != Cell.of(**changed).key


def test_numbers_that_are_equal_are_one_cell_and_those_that_are_not_are_two():
    def key(**changes):
        return Cell.of(**{**PLAIN, **changes}).key

    assert key(sparsity=1) == key(sparsity=1.0)
    assert key(dimension=16.0) == key(dimension=16)
    assert key(seed=-0.0) == key(seed=0.0) == key(seed=0)
    assert key(sparsity=0.1 + 0.2) != key(sparsity=0.3)
    assert key(learning_rate=1e-3) == key(learning_rate=0.001) != key(learning_rate=0.0010000000000000002)


@settings(max_examples=60, derandomize=True, database=None)
@given(st.one_of(
    st.text(max_size=6), st.sampled_from(["0.5", "1e-1", "٠٫٥", "½", "0,5", " 0.5", "0.5\n", "0x1", "inf", "nan", "True"]), st.none(),
    st.booleans(), st.just(float("nan")), st.just(float("inf")), st.lists(st.floats(0, 1)), st.binary(max_size=3),
))  # fmt: skip
def test_text_is_never_taken_for_a_number(value):
    for name in ("sparsity", "dimension", "seed", "learning_rate"):
        try:
            Cell.of(**{**PLAIN, name: value})
        except StudyError as error:
            assert str(error).isprintable()  # noqa: PT017
        else:
            raise AssertionError(f"{name}={value!r} was taken")


def test_one_point_written_in_several_ways_in_yaml_is_one_cell():
    study = "name: a\naxes: {{source: sparse, architecture: two_layer, dimension: {d}, rate: {r}, sparsity: {p}, seed: {s}}}\n"
    ways = [
        ("16", "1.0", "0.5", "0"),
        ("16.0", "1", "5e-1", "-0.0"),
        ("16", "1.", ".5", "{count: 1}"),
        ("[16]", "[1]", "[0.50]", "[0]"),
    ]
    keys = [[cell.key for cell in Study(study.format(d=d, r=r, p=p, s=s), "a.yaml").cells] for d, r, p, s in ways]
    assert all(found == keys[0] for found in keys)
    assert len(keys[0]) == 1
