"""A finished run of train_keras.py, and the faces for its export."""

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
from fau_tf.evaluation.low_reliability import low_reliability
from fau_tf.models.presets import NetSpec
from fau_tf.training import calibrate, run_state, setup
from fau_tf.training.config import Config, load_config

REPRESENTATIVE: Final = 256
"""Number of faces of validation subjects from which ranges are taken."""
TEST_FACES: Final = 1000
"""Smallest number of faces of test subjects on which a variant is tested."""
_PARTS: Final = ("train", "validation", "test")


class RunError(ValueError):
    """A run that can't be exported."""


@dataclass(frozen=True)
class TrainedRun:
    """A run to export.

    Attributes:
        path: `runs/<name>`.
        config: Its settings.
        net: Its best network.
        subjects: `train`, `validation` and `test` -> the subjects of that part.
        facts: Entries for each model's JSON: `intervals`, `low_reliability` and `real_faces`, where
            known.
    """

    path: Path
    config: Config
    net: keras.Model
    subjects: Mapping[str, Sequence[str]]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LabeledFaces:
    """Aligned faces, cropped as in the demo.

    Attributes:
        images: (N, S, S, 3) float32, RGB 0 to 255.
        intensity: (N, A) coded, NaN where not coded.
        name: Of the data set.
        subjects: Number of subjects.
    """

    images: npt.NDArray[np.float32]
    intensity: npt.NDArray[np.float32]
    name: str
    subjects: int


def load_run(path: Path) -> TrainedRun:
    """Return the run in a folder.

    Raises:
        RunError: If it lacks its settings, its network or its subjects, as an unfinished one does,
            or is of another contract version.
    """
    for name in ("config.toml", run_state.BEST, run_state.PEOPLE):
        if not (path / name).is_file():
            why = "it has none" if path.is_dir() else "there is no such folder"
            raise RunError(
                f"{path}: a finished run must hold {name}, but {why}. Train one to its end: python "
                "train_keras.py"
            )
    versions = _json_object(path / "versions.json")
    # Runs from before the version was noted are of version 1.
    version = versions.get("contract_version", 1)
    if not contract.readable_version(version):
        raise RunError(
            f"{path}: the run's contract version must be {contract.readable_versions()}: got "
            f"{version!r}. Export it with the fau_tf that trained it, or train again."
        )
    config = load_config(path / "config.toml")
    if config.data.dataset != SYNTHETIC:
        raise RunError(
            f"{path}: `python -m export` tests on synthetic faces, but the run was trained on "
            f"{config.data.dataset}. Training has exported its float variants: evaluate "
            "those with python train_keras.py --config CONFIG --evaluate FILE.tflite"
        )
    return TrainedRun(path, config, _network(path, config.model), _subjects(path), _facts(path))


def _subjects(path: Path) -> dict[str, list[str]]:
    found = _json_object(path / run_state.PEOPLE)
    lacking = [name for name in _PARTS if not found.get(name)]
    if lacking:
        raise RunError(
            f"{path / run_state.PEOPLE}: must name subjects for {', '.join(_PARTS)}, but has none "
            f"for {', '.join(lacking)}. Train again: python train_keras.py"
        )
    return {name: list(found[name]) for name in _PARTS}


def _facts(path: Path) -> dict[str, Any]:
    """Return `TrainedRun.facts`, from what was measured of the run."""
    accuracy = _json_object(path / run_state.ACCURACY)
    real_faces = _json_object(path / run_state.REAL_FACES)
    facts = calibrate.model_json_entries(path)
    weak = accuracy.get("low_reliability")
    if (path / run_state.REAL_FACES).is_file():
        # Needs OpenCV, which training on synthetic faces does without.
        from fau_tf.evaluation.real_faces.report.page import card_summary

        try:
            facts["real_faces"] = card_summary(real_faces)
        except (KeyError, TypeError, IndexError) as error:
            raise RunError(
                f"{path / run_state.REAL_FACES}: must be what `python -m fau_tf.cli.evaluate "
                f"real-faces FOLDER --json FILE` writes: got {error!r}. Write it again, or delete "
                "it."
            ) from error
        weak = low_reliability(accuracy | {"real_faces": real_faces})
    return facts | ({"low_reliability": weak} if weak else {})


def _network(path: Path, spec: NetSpec) -> keras.Model:
    try:
        net = calibrate.calibrated_network(path, spec)
    # Readers of a damaged archive fail in many ways.
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise _no_network(path, why) from error
    shapes = net.input_shape[1:], net.output_shape[1:]
    maps = spec.heatmap_size, spec.heatmap_size, len(facs.centers(spec.au_numbers, spec.rule))
    if shapes != ((spec.image_size, spec.image_size, 3), maps):
        raise _no_network(path, f"{shapes[0]} -> {shapes[1]}, unlike config.toml")
    return net


def _no_network(path: Path, received: str) -> RunError:
    return RunError(
        f"{path}: must be the network that train_keras.py saved: got {received}. Train again: "
        "python train_keras.py --fresh"
    )


def representative_faces(
    run: TrainedRun, data: Path, *, log: Callable[[str], None]
) -> LabeledFaces:
    """Return `REPRESENTATIVE` faces of validation subjects, or a few more."""
    return labeled(run_part(run, "validation", REPRESENTATIVE, data, log=log), run.config)


def load_test_faces(run: TrainedRun, data: Path, *, log: Callable[[str], None]) -> LabeledFaces:
    """Return `TEST_FACES` faces, or more, of subjects used neither for training nor for choices."""
    return labeled(run_part(run, "test", TEST_FACES, data, log=log), run.config)


def run_part(
    run: TrainedRun, part: str, count: int, folder: Path, *, log: Callable[[str], None]
) -> datasets.Subset:
    """Return at least `count` faces of the subjects of one part, rendered unless they exist.

    The run's own set is used if it is on disk and large enough.

    Args:
        run: Holds the subjects and the settings of the renderer.
        part: "train", "validation" or "test".
        count: Reached by enough faces of each subject.
        folder: Of the face records.
        log: Prints a line.
    """
    config, subjects = run.config, run.subjects[part]
    own = SyntheticSet.of(config.data, config.data_seed)
    if own.faces_per_person * len(subjects) >= count and is_complete(own, folder):
        everything = datasets.prepare_synthetic(own, folder, processes=1, log=log)
        return everything.subset(subjects[: -(-count // own.faces_per_person)])
    each = max(config.data.faces_per_subject, -(-count // len(subjects)))  # rounded up
    faces = datasets.prepare_synthetic(
        SyntheticSet.of(config.data, config.data_seed, each=each),
        folder,
        processes=config.data.processes or os.cpu_count() or 1,
        log=log,
        only=subjects[: -(-count // each)],
    )
    return faces.subset(faces.subjects)


def labeled(part: datasets.Subset, config: Config) -> LabeledFaces:
    """Return the faces of a part, cropped as in the demo, with their labels."""
    targets = setup.make_targets(config)
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
        raise RunError(f"{path}: must be JSON: {error}. Train again.") from error
    if not isinstance(found, dict):
        raise RunError(f"{path}: must be a JSON object: got {found!r:.50}. Train again.")
    return found
