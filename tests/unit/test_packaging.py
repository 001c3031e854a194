"""What the wheel holds."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_package_is_part_of_the_wheel():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(settings["tool"]["setuptools"]["packages"])
    folders = [path.parent.relative_to(ROOT) for path in (ROOT / "fau_tf").rglob("__init__.py")]
    found = {".".join(folder.parts) for folder in folders}
    assert "fau_tf.inference" in found
    # The demo's files lie elsewhere in a checkout.
    assert listed == found | {"fau_tf.assets"}
