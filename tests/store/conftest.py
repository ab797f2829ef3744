import shutil

import pytest

from tests.store.test_damage import fill


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A small store that nobody changes."""
    place = tmp_path_factory.mktemp("whole") / "store"
    fill(place)
    return place


@pytest.fixture
def root(whole, tmp_path):
    """A copy of it to be damaged."""
    return shutil.copytree(whole, tmp_path / "store")
