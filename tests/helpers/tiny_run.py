"""A finished run of train_keras.py, as small as one can be, and not trained."""

from pathlib import Path

from fau_tf.training.config import dump_toml, load_config
from tests.export.test_export import _network

SETTINGS = (
    "run.name=tiny",
    "model.preset=tiny",
    "data.people=10",
    "data.faces_per_person=1",
    "data.record_size=80",
    "data.processes=1",
)


def settings(*more: str) -> str:
    """Return the run's config.toml."""
    return dump_toml(load_config(None, [*SETTINGS, *more]))


def write_tiny_run(folder: Path) -> Path:
    """Make `folder` such a run; return it."""
    folder.mkdir()
    (folder / "config.toml").write_text(settings())
    (folder / "versions.json").write_text('{"contract_version": 1}')
    _network(load_config(None, SETTINGS).model).save(folder / "best.keras")
    return folder
