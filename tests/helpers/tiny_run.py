"""A finished run of train_keras.py, as small as one can be, and not trained."""

import json
from pathlib import Path

from fau_tf.data.synthetic_set import person_name
from fau_tf.training.config import dump_toml, load_config
from tests.helpers.tiny_network import tiny_network

SUBJECTS = {
    "train": [person_name(i) for i in (0, 2, 3, 5, 6, 7)],
    "validation": [person_name(i) for i in (1, 9)],
    "test": [person_name(i) for i in (4, 8)],
}
SETTINGS = (
    "run.name=tiny",
    "model.preset=tiny",
    "model.aus=disfa_bp4d",
    "data.subjects=10",
    "data.faces_per_subject=1",
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
    (folder / "people.json").write_text(json.dumps(SUBJECTS))
    tiny_network(load_config(None, SETTINGS).model).save(folder / "best.keras")
    return folder
