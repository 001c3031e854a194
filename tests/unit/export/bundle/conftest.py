import shutil

import pytest

from tests.helpers.asset_folder import write_described


@pytest.fixture(scope="session")
def described(tmp_path_factory):
    """A complete asset folder with two variants of a tiny model; don't change it."""
    return write_described(tmp_path_factory.mktemp("assets") / "assets")


@pytest.fixture
def folder(described, tmp_path):
    """A copy to change."""
    return shutil.copytree(described, tmp_path / "assets")
