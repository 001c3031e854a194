"""Finished runs of train_keras.py, as small as one can be, and not trained."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from fau_tf.data.synthetic_set import person_name
from fau_tf.data.tfrecord import shard_files
from fau_tf.training.config import dump_toml, load_config
from fau_tf.utils.files import file_sha256
from tests.helpers.records import make_record, write_shards
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


REAL_AUS = (6, 12, 25)
REAL_SUBJECTS = {"train": ["s0", "s1"], "validation": ["s2"], "test": ["s3", "s4"]}
FRAMES = 40  # of each subject
RARE = 7  # of the test frames that have AU25 above 0


def write_real_run(folder: Path, data: Path, *, subjects: dict[str, list[str]]) -> Path:
    """Make `folder` a run on a table whose pictures are gone; its records are in `data`."""
    folder.mkdir(parents=True)
    changes = (
        "data.dataset=csv", "data.root=gone.csv", f"model.aus={list(REAL_AUS)}",
        f"run.name={folder.parent.name}",
    )  # fmt: skip
    config = load_config(None, [*SETTINGS[1:2], *SETTINGS[4:], *changes])
    (folder / "config.toml").write_text(dump_toml(config))
    (folder / "versions.json").write_text('{"contract_version": 2}')
    people = {"population": "csv", "records": "csv-0123456789", **subjects}
    (folder / "people.json").write_text(json.dumps(people))
    tiny_network(config.model).save(folder / "best.keras")
    if not data.exists():
        write_real_records(data / "csv-0123456789")
    return folder


def write_real_records(folder: Path) -> None:
    """Write the records of five subjects as `prepare` does; AU25 is rare."""
    rng = np.random.default_rng(0)
    records = []
    for person in range(5):
        for frame in range(FRAMES):
            levels = dict(zip(REAL_AUS, rng.uniform(0, 5, 3).tolist(), strict=True))
            levels[25] *= float(person < 3 or (person == 3 and frame < RARE))
            record = make_record(person, frame, intensity=levels)
            records.append(replace(record, subject=f"s{person}", dataset="csv"))
    write_shards(folder, records, shards=2)
    hashes = {file.name: file_sha256(file) for file in shard_files(folder)}
    card = {"subjects": [f"s{i}" for i in range(5)], "sha256": hashes}
    (folder / "card.json").write_text(json.dumps(card))
