"""A finished run of train_keras.py, and the faces that its exports are made and judged with."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from fau_tf import contract, facs
from fau_tf.data import datasets
from fau_tf.data.config import SYNTHETIC
from fau_tf.data.synthetic_generate import is_complete
from fau_tf.data.synthetic_set import SyntheticSet
from fau_tf.models.presets import NetSpec
from fau_tf.training import calibrate, fit, run_state
from fau_tf.training.config import Config, load_config

REPRESENTATIVE: Final = 256
"""Faces of validation people from which ranges are taken."""
JUDGED: Final = 1000
"""Faces of test people by which a variant is judged, at least."""
_PARTS: Final = ("train", "validation", "test")


class RunError(ValueError):
    """A run that can't be exported."""


@dataclass(frozen=True)
class TrainedRun:
    """What is exported.

    Attributes:
        path: `runs/<name>`.
        config: Its settings.
        net: Its best network.
        people: `train`, `validation` and `test` -> who was in that part.
        facts: What else each model's JSON says: `intervals` and `low_reliability`, where known.
    """

    path: Path
    config: Config
    net: keras.Model
    people: Mapping[str, Sequence[str]]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LabeledFaces:
    """Aligned faces as the demo would crop them.

    Attributes:
        images: (N, S, S, 3) float32, RGB 0 to 255.
        intensity: (N, A) coded, NaN where not coded.
        name: Of the data set.
        people: How many persons.
    """

    images: npt.NDArray[np.float32]
    intensity: npt.NDArray[np.float32]
    name: str
    people: int


def load_run(path: Path) -> TrainedRun:
    """Return the run in a folder.

    Raises:
        RunError: If it lacks its settings, its network or who was in which part, as an unfinished
            one does, or is of another contract version.
    """
    for name in ("config.toml", run_state.BEST, run_state.PEOPLE):
        if not (path / name).is_file():
            received = "a folder without it" if path.is_dir() else "no such folder"
            raise RunError(
                f"{path}: a finished run must hold {name}. Received: {received}. Train one, to its "
                "end: python train_keras.py"
            )
    versions = _json_object(path / "versions.json")
    # Runs from before the version was noted are of version 1.
    version = versions.get("contract_version", 1)
    if version != contract.CONTRACT_VERSION:
        raise RunError(
            f"{path}: the run's contract version must be {contract.CONTRACT_VERSION}. Received: "
            f"{version!r}. Export it with the fau_tf that trained it, or train again."
        )
    config = load_config(path / "config.toml")
    if config.data.dataset != SYNTHETIC:
        raise RunError(
            f"{path}: `python -m export` judges on faces that it renders itself. Received: a run "
            f"on {config.data.dataset}, whose float32 and float16 models train_keras.py exported. "
            "Judge those: python train_keras.py --config CONFIG --evaluate FILE.tflite"
        )
    return TrainedRun(path, config, _network(path, config.model), _people(path), _facts(path))


def _people(path: Path) -> dict[str, list[str]]:
    found = _json_object(path / run_state.PEOPLE)
    lacking = [name for name in _PARTS if not found.get(name)]
    if lacking:
        raise RunError(
            f"{path / run_state.PEOPLE}: must name the people of {', '.join(_PARTS)}. "
            f"Received: none of {', '.join(lacking)}. Train again: python train_keras.py"
        )
    return {name: list(found[name]) for name in _PARTS}


def _facts(path: Path) -> dict[str, Any]:
    """Return `TrainedRun.facts`; the low-reliability AUs are those of accuracy.json."""
    low_reliability = _json_object(path / run_state.ACCURACY).get("low_reliability")
    return calibrate.model_json_entries(path) | (
        {"low_reliability": low_reliability} if low_reliability else {}
    )


def _network(path: Path, spec: NetSpec) -> keras.Model:
    try:
        net = calibrate.calibrated_network(path, spec)
    # A damaged archive shows as whatever its reader trips over.
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise _no_network(path, why) from error
    shapes = net.input_shape[1:], net.output_shape[1:]
    maps = spec.heatmap_size, spec.heatmap_size, len(facs.centers(spec.au_numbers, spec.rule))
    if shapes != ((spec.image_size, spec.image_size, 3), maps):
        raise _no_network(path, f"{shapes[0]} -> {shapes[1]}, which config.toml doesn't describe")
    return net


def _no_network(path: Path, received: str) -> RunError:
    return RunError(
        f"{path}: must be the network that train_keras.py saved. Received: {received}. Train "
        "again: python train_keras.py --fresh"
    )


def representative_faces(
    run: TrainedRun, data: Path, *, say: Callable[[str], None]
) -> LabeledFaces:
    """Return `REPRESENTATIVE` faces of validation people, or a few more."""
    part = run_part(run, "validation", REPRESENTATIVE, data, say=say)
    return labeled(part, run.config)


def judgement_faces(run: TrainedRun, data: Path, *, say: Callable[[str], None]) -> LabeledFaces:
    """Return `JUDGED` faces of test people, who took no part in training or choosing, or more."""
    return labeled(run_part(run, "test", JUDGED, data, say=say), run.config)


def run_part(
    run: TrainedRun, part: str, count: int, folder: Path, *, say: Callable[[str], None]
) -> datasets.Subset:
    """Return at least `count` faces of people of one part, rendered unless they are there.

    The run's own set is taken where it is on disk and has enough.

    Args:
        run: Says who is in which part, and how faces are rendered.
        part: "train", "validation" or "test".
        count: As many faces of each person as it takes.
        folder: Where face records go.
        say: Prints a line.
    """
    config, people = run.config, run.people[part]
    own = SyntheticSet.of(config.data, config.data_seed)
    if own.faces_per_person * len(people) >= count and is_complete(own, folder):
        everything = datasets.prepare_synthetic(own, folder, processes=1, log=say)
        return everything.subset(people[: -(-count // own.faces_per_person)])
    each = max(config.data.faces_per_subject, -(-count // len(people)))  # rounded up
    faces = datasets.prepare_synthetic(
        SyntheticSet.of(config.data, config.data_seed, each=each),
        folder,
        processes=config.data.processes or os.cpu_count() or 1,
        log=say,
        only=people[: -(-count // each)],
    )
    return faces.subset(faces.subjects)


def labeled(part: datasets.Subset, config: Config) -> LabeledFaces:
    """Return the faces of a part, as the demo would crop them, with their labels."""
    targets = fit.targets(config)
    images = [batch.numpy() for batch, _ in part.batches(targets, batch_size=64)]
    return LabeledFaces(
        np.concatenate(images), part.labels(targets), part.faces.name, len(part.subjects)
    )


def _json_object(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: must be JSON. Received: {error}. Make it again.") from error
    if not isinstance(found, dict):
        raise RunError(f"{path}: must be a JSON object. Received: {found!r:.50}. Make it again.")
    return found
