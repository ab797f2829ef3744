"""The lock with hashes: the versions that the tests have seen, all that is needed but torch, and no place of one machine."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PLACE = Path(__file__).parent.parent
LOCK = (PLACE / "requirements.lock").read_text()


def pinned(text):
    """Versions by distribution."""
    return {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.M)}


def test_its_versions_are_those_of_the_constraints():
    known = pinned((PLACE / "constraints.txt").read_text())
    locked = pinned(LOCK)
    assert len(locked) > 50
    assert locked.items() <= known.items()


def test_every_distribution_has_hashes_and_nothing_else_stands_there():
    content = [line for line in LOCK.splitlines() if line and not line.startswith("#")]
    starts = [i for i, line in enumerate(content) if not line.startswith(" ")]
    for begin, end in zip(starts, [*starts[1:], len(content)], strict=True):
        assert re.fullmatch(r"[\w.-]+==\S+ \\", content[begin])
        assert end - begin > 1
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in content[begin + 1 : end])


def test_it_names_all_that_core_and_train_ask_for_but_torch():
    project = tomllib.loads((PLACE / "pyproject.toml").read_text())["project"]
    asked = [Requirement(one) for one in project["dependencies"] + project["optional-dependencies"]["train"]]
    locked = pinned(LOCK)
    names = {canonicalize_name(one.name) for one in asked}
    assert names - locked.keys() == {"torch"}
    for one in asked:
        assert one.name == "torch" or one.specifier.contains(locked[canonicalize_name(one.name)])


@pytest.mark.parametrize("file", ["SECURITY.md", "docs/clusters/Dockerfile"])
def test_torch_is_installed_first_at_the_version_of_the_constraints(file):
    text = (PLACE / file).read_text()
    torch = pinned((PLACE / "constraints.txt").read_text())["torch"]
    assert f"torch=={torch}" in text
    assert text.index(f"torch=={torch}") < text.index("--require-hashes --no-deps -r requirements.lock")
