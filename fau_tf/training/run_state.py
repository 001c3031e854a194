"""State of the training in a run's folder: none, unfinished or finished."""

import csv
import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fau_tf.data.datasets import FaceDataset
from fau_tf.portraits.pairs import EDITING_VERSION
from fau_tf.portraits.portrait_set import set_fingerprint
from fau_tf.training.checkpoint import Checkpoint, CheckpointError, Progress
from fau_tf.training.config import INDIFFERENT, Config, dump_toml
from fau_tf.training.run_dir import (
    CURVES,
    EVALUATION,
    GALLERY,
    NEIGHBORS,
    PHOTO,
    RunDir,
    cores,
    folds_holding,
    versions,
    write_text,
)

TRAINING_VERSION: Final = 4
"""Raise it when a change of code makes the same settings and faces give other weights, which
tests/golden/test_versions.py detects. A run of another version is only trained anew by --fresh."""
BEST: Final = "best.keras"
CALIBRATION: Final = "calibration.json"
HISTORY: Final = "history.csv"
CHECKPOINT: Final = "checkpoint.npz"
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
_SETTINGS: Final = "config.toml"
_VERSIONS: Final = "versions.json"
_OF_NETWORK: Final = (
    CHECKPOINT, _TRAINED, BEST, HISTORY, PEOPLE, CALIBRATION, ACCURACY, REAL_FACES, *EVALUATION,
    CURVES, GALLERY, NEIGHBORS, f"{PHOTO}_au.*", "fau_*.tflite", "fau_*.json",
    f"{EVENTS}/events.*", f"{EXPORT}/*.*",
)  # fmt: skip
"""Files that describe the network in a folder, the ones first that say how far it is trained."""


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


def require_same_parts(
    seeds: Mapping[str, Config], faces: FaceDataset, path: Path, folds: Sequence[str]
) -> None:
    """Raise CheckpointError if a folder of a run holds a training that the run would lose.

    Args:
        seeds: Folder of each seed, empty of a single one, -> its settings.
        faces: Of the run.
        path: The run's folder.
        folds: Folder of each fold, empty of a single one.
    """
    for seed, config in seeds.items():
        whole = path / seed
        held = [name for name in (_TRAINED, CHECKPOINT) if (whole / name).is_file()]
        if held and len(folds) > 1:
            raise CheckpointError(
                f"{whole} holds a training without folds, as {held[0]} shows, and this one has "
                f"{len(folds)}. Give another run.name to keep it, or --fresh to discard it."
            )
        others = [one for name in (_TRAINED, CHECKPOINT) for one in folds_holding(whole, name)]
        if others and len(folds) == 1:
            raise CheckpointError(
                f"{whole} holds a training of folds, as {others[0]} shows, and this one has none, "
                "so their pooled figures would be lost. Give another run.name to keep them, or "
                "--fresh to discard them."
            )
        for fold in folds:
            if not finished(config, faces, whole / fold):
                unfinished(config, faces, whole / fold)


def finished(config: Config, faces: FaceDataset, folder: Path) -> Finished | None:
    """Return the finished training of these settings and faces, None where there is none.

    Raises:
        CheckpointError: If the folder holds a finished training of other settings, faces or
            versions, which a new one would delete.
    """
    marker, best, history = folder / _TRAINED, folder / BEST, folder / HISTORY
    if not all(path.is_file() for path in (marker, best, history)):
        return None
    noted = json.loads(marker.read_text(encoding="utf-8"))
    if noted["fingerprint"] != fingerprint(config, faces):
        settings = folder / _SETTINGS
        before = settings.read_text(encoding="utf-8") if settings.is_file() else dump_toml(config)
        raise CheckpointError(
            f"{folder} holds a finished training of other settings, faces or versions: "
            f"{_differences(before, config, folder)}. Give the same ones to reuse it, another "
            "run.name to keep it, or --fresh to discard it."
        )
    (folder / CHECKPOINT).unlink(missing_ok=True)  # of a process that was killed in `finish`
    with history.open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return Finished(rows, noted["seconds"], noted["resumed"])


def unfinished(config: Config, faces: FaceDataset, folder: Path) -> Checkpoint | None:
    """Return where an earlier session of this training stopped, None where there is none.

    Raises:
        CheckpointError: If the folder holds an unfinished training of other settings, faces or
            versions, which resuming or starting again would lose.
    """
    if not (folder / CHECKPOINT).is_file():
        return None
    checkpoint = Checkpoint.load(folder / CHECKPOINT)
    progress = checkpoint.progress
    if progress.fingerprint != fingerprint(config, faces):
        raise CheckpointError(
            f"{folder} holds an unfinished training of other settings, faces or versions, at step "
            f"{progress.step}: {_differences(progress.settings, config, folder)}. Give the same "
            "ones to resume it, another run.name to keep it, or --fresh to discard it."
        )
    return checkpoint


def clear(folder: Path) -> None:
    """Remove what describes the network in a folder: none may describe one that is gone."""
    for pattern in _OF_NETWORK:
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)  # another worker may have been faster


def begin(config: Config, run: RunDir) -> None:
    """Clear the folder for a new training; write its settings and versions."""
    clear(run.path)
    write_text(run / _SETTINGS, dump_toml(config))
    run.write_json(_VERSIONS, _versions() | {"seed": config.run.seed, "cores": cores()})


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


def _versions() -> dict[str, Any]:
    return versions() | {"training_version": TRAINING_VERSION}


def _differences(settings: str, config: Config, folder: Path) -> str:
    """Return what differs from a training in the folder: settings, versions, or else the rest.

    Args:
        settings: Of that training, as TOML.
        config: Of this one.
        folder: Has the versions of that training.
    """
    before, now = (
        {name: value for name, value in _flat(toml).items() if name not in INDIFFERENT}
        for toml in (settings, dump_toml(config))
    )
    noted = folder / _VERSIONS
    if noted.is_file():
        versions_now = _versions()
        found = json.loads(noted.read_text(encoding="utf-8"))
        known = versions_now.keys() & found.keys()  # an earlier fau_tf noted fewer
        before |= {name: found[name] for name in known}
        now |= {name: versions_now[name] for name in known}
    names = sorted(before.keys() | now.keys())
    other = [_difference(name, before, now) for name in names]
    return ", ".join(filter(None, other)) or "its faces, portraits, first weights or code differ"


def _difference(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return what differs in one entry; empty if nothing does."""
    if name not in before:
        return f"{name} = {now[name]!r}, which it lacks"
    if name not in now:
        return f"{name} = {before[name]!r}, which is gone"
    if before[name] == now[name]:
        return ""
    return f"{name} = {now[name]!r} instead of {before[name]!r}"


def _flat(toml: str) -> Mapping[str, Any]:
    sections = tomllib.loads(toml)
    return {f"{name}.{key}": v for name, section in sections.items() for key, v in section.items()}
