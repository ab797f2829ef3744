"""A file of one's own joins the lists, or is refused as a whole, with its line and what to write instead."""

import sys

import pytest

from explorer import plugins
from explorer.errors import ExplorerError
from explorer.plugins import load_plugin
from explorer.registry import Registry

OBSERVABLE = """\
from explorer.axes import Interval
from explorer.observables.base import Observable, observables


def first(encoder):
    return float(encoder[0, 0])


observables.register("{name}")(Observable(first, ("encoder",), Interval(-1, 1)))
"""


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """What a test loads is gone after it."""
    monkeypatch.setattr(plugins, "_LOADED", {})
    before = set(sys.modules)
    yield
    for module in {*sys.modules} - before:
        if module.startswith("explorer_plugin_"):
            del sys.modules[module]
            for members in Registry.lists:
                members.forget(module)


def observables():
    from explorer.observables import observables

    return list(observables)


def test_a_plugin_joins_and_is_named_by_its_content(tmp_path):
    (tmp_path / "mine.py").write_text(OBSERVABLE.format(name="first_entry"))
    plugin = load_plugin(tmp_path / "mine.py")
    assert "first_entry" in observables()
    assert plugins.described() == str(plugin) == f"mine.py:{plugin.digest}"
    assert len(plugin.digest) == 12
    assert not list(tmp_path.glob("**/*.pyc"))


def test_the_same_content_is_loaded_once(tmp_path):
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(OBSERVABLE.format(name="first_entry"))
        load_plugin(tmp_path / name)
    assert len(plugins.loaded()) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\ny = undefined\n", r"mine\.py:2: NameError: name 'undefined' is not defined"),
        ("x = 1\n\ndef f(:\n", r"mine\.py:3: SyntaxError: invalid syntax"),
        ("import no_such_module\n", r"mine\.py:1: ModuleNotFoundError: No module named 'no_such_module'"),
        ("x = 1\n", r"mine\.py: it registers nothing; expected a line such as @sources\.register"),
        (
            OBSERVABLE.format(name="peak"),
            r'mine\.py(:9)?: observable "peak" is registered twice: by explorer\.observables\.peak and by this plug-in; expected '
            "another name",
        ),
    ],
)
def test_a_bad_plugin_is_refused_with_its_line(tmp_path, text, said):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(ExplorerError, match=said):
        load_plugin(tmp_path / "mine.py")
    assert plugins.loaded() == ()


def test_a_missing_plugin_is_refused_with_the_nearest_name(tmp_path):
    (tmp_path / "sources.py").touch()
    with pytest.raises(
        ExplorerError, match=r'there is no such file; expected a Python file\. Did you mean ".*sources\.py"'
    ):
        load_plugin(tmp_path / "source.py")


def test_a_plugin_that_raises_leaves_nothing_behind(tmp_path):
    before = observables()
    (tmp_path / "mine.py").write_text(OBSERVABLE.format(name="first_entry") + "raise ValueError('late')\n")
    with pytest.raises(ExplorerError, match=r"mine\.py:\d+: ValueError: late"):
        load_plugin(tmp_path / "mine.py")
    assert observables() == before
    (tmp_path / "mine.py").write_text(OBSERVABLE.format(name="first_entry"))
    load_plugin(tmp_path / "mine.py")
    assert "first_entry" in observables()


def test_two_plugins_of_one_name_are_refused(tmp_path):
    (tmp_path / "one.py").write_text(OBSERVABLE.format(name="first_entry"))
    (tmp_path / "two.py").write_text("# another\n" + OBSERVABLE.format(name="first_entry"))
    load_plugin(tmp_path / "one.py")
    with pytest.raises(ExplorerError, match=r'"first_entry" is registered twice'):
        load_plugin(tmp_path / "two.py")
    assert "first_entry" in observables()
