"""What the wheel holds, and its version."""

import re
import tomllib
from pathlib import Path

import fau_tf

ROOT = Path(__file__).parents[2]


def test_every_package_is_part_of_the_wheel():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(settings["tool"]["setuptools"]["packages"])
    folders = [path.parent.relative_to(ROOT) for path in (ROOT / "fau_tf").rglob("__init__.py")]
    found = {".".join(folder.parts) for folder in folders}
    assert "fau_tf.inference" in found
    # The demo's files lie elsewhere in a checkout.
    assert listed == found | {"fau_tf.assets"}


def test_the_version_is_the_same_everywhere():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    version = settings["project"]["version"]
    assert fau_tf.__version__ == version
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.+)$", citation, re.M) == [version]
    released = re.findall(r"^date-released: (.+)$", citation, re.M)
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    latest = re.search(r"^## \[(\d.*?)\] - ([\d-]+)", changes, re.M)
    assert latest is not None
    assert ([latest[1]], [latest[2]]) == ([version], released)
