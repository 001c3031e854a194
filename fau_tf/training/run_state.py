"""State of the training in a run's folder: none, unfinished or finished."""

import csv
import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fau_tf.data.datasets import FaceDataset
from fau_tf.portraits.pairs import EDITING_VERSION
from fau_tf.portraits.portrait_set import set_fingerprint
from fau_tf.training.checkpoint import Checkpoint, CheckpointError, Progress
from fau_tf.training.config import INDIFFERENT, Config, dump_toml
from fau_tf.training.run_dir import RunDir, cores, versions, write_text

TRAINING_VERSION: Final = 2
"""Raise it when a change of code makes the same settings and faces give other weights, which
tests/golden/test_versions.py detects. Runs of another version are trained anew."""
BEST: Final = "best.keras"
CALIBRATION: Final = "calibration.json"
HISTORY: Final = "history.csv"
CHECKPOINT: Final = "checkpoint.npz"
METRICS: Final = ("metrics.json", "metrics.csv", "metrics.tex")
"""Figures on the test subjects, and their table."""
ACCURACY: Final = "accuracy.json"
"""What `python -m fau_tf.cli.evaluate` measured, with the low-reliability AUs."""
REAL_FACES: Final = "real_faces.json"
"""What `python -m fau_tf.cli.evaluate real-faces --json` measured for a release."""
EXPORT: Final = "export"
"""Folder that `python -m export` writes."""
PEOPLE: Final = "people.json"
"""Subjects of each split."""
EVENTS: Final = "tensorboard"
_TRAINED: Final = "trained.json"


@dataclass(frozen=True)
class Finished:
    """Record of a finished training.

    Attributes:
        rows: The history, a row an epoch.
        seconds: Stage -> seconds; of the training those of all sessions.
        resumed: Steps at which a later session resumed.
    """

    rows: list[dict[str, float]]
    seconds: dict[str, float]
    resumed: list[int]


def finished(config: Config, faces: FaceDataset, run: RunDir) -> Finished | None:
    """Return the finished training of these settings and faces, None where there is none."""
    marker, best, history = run / _TRAINED, run / BEST, run / HISTORY
    if not all(path.is_file() for path in (marker, best, history)):
        return None
    noted = json.loads(marker.read_text(encoding="utf-8"))
    if noted["fingerprint"] != fingerprint(config, faces):
        return None
    (run / CHECKPOINT).unlink(missing_ok=True)  # of a process that was killed in `finish`
    with history.open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return Finished(rows, noted["seconds"], noted["resumed"])


def unfinished(config: Config, faces: FaceDataset, run: RunDir) -> Checkpoint | None:
    """Return where an earlier session of this training stopped, None where there is none.

    Raises:
        CheckpointError: If the folder holds an unfinished training of other settings or faces,
            which resuming or starting again would lose.
    """
    if not (run / CHECKPOINT).is_file():
        return None
    checkpoint = Checkpoint.load(run / CHECKPOINT)
    progress = checkpoint.progress
    if progress.fingerprint != fingerprint(config, faces):
        raise CheckpointError(
            f"{run.path} holds an unfinished training of other settings, at step {progress.step}: "
            f"{_differences(progress.settings, config)}. Give the same settings to resume it, "
            "another run.name to keep it, or --fresh to discard it."
        )
    return checkpoint


def begin(config: Config, run: RunDir) -> None:
    """Clear the folder for a new training; write its settings and versions."""
    # No file may describe a network that is gone.
    figures = (CALIBRATION, ACCURACY, REAL_FACES, *METRICS)
    old = (CHECKPOINT, _TRAINED, BEST, HISTORY, PEOPLE, *figures)
    for pattern in (*old, "fau_*.tflite", "fau_*.json", f"{EVENTS}/events.*", f"{EXPORT}/*.*"):
        for path in run.path.glob(pattern):
            path.unlink()
    write_text(run / "config.toml", dump_toml(config))
    run.write_json("versions.json", versions() | {"seed": config.run.seed, "cores": cores()})


def finish(config: Config, faces: FaceDataset, run: RunDir, progress: Progress) -> None:
    """Record that best.keras is trained to its end; remove the checkpoint."""
    run.seconds["training"] = round(progress.seconds, 1)
    noted = {"seconds": run.seconds, "resumed": progress.resumed}
    run.write_json(_TRAINED, {"fingerprint": fingerprint(config, faces), **noted})
    (run / CHECKPOINT).unlink(missing_ok=True)


def fingerprint(config: Config, faces: FaceDataset) -> str:
    """Return a hash of everything that determines the weights: settings, faces, code, versions.

    `TRAINING_VERSION` stands for the code, so that a renamed file keeps its runs.
    """
    settings = {
        name: value for name, value in _flat(dump_toml(config)).items() if name not in INDIFFERENT
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    digest.update(json.dumps(versions()).encode() + faces.files[0].parent.name.encode())
    digest.update(f"training {TRAINING_VERSION}".encode())
    if config.data.portraits:
        sets = [set_fingerprint(Path(folder)) for folder in config.data.portraits]
        digest.update(json.dumps([EDITING_VERSION, *sets]).encode())
    if config.training.weights:
        digest.update(hashlib.sha256(Path(config.training.weights).read_bytes()).digest())
    return digest.hexdigest()


def _differences(settings: str, config: Config) -> str:
    before, now = _flat(settings), _flat(dump_toml(config))
    other = [
        f"{name} = {now.get(name)!r} instead of {before.get(name)!r}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name) and name not in INDIFFERENT
    ]
    return ", ".join(other) or "the code, package versions or faces differ"


def _flat(toml: str) -> Mapping[str, Any]:
    sections = tomllib.loads(toml)
    return {f"{name}.{key}": v for name, section in sections.items() for key, v in section.items()}
