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
from fau_tf.data.adapters.prepare import CARD, dataset_folder
from fau_tf.data.adapters.registry import index_dataset
from fau_tf.data.config import SYNTHETIC
from fau_tf.data.synthetic_generate import is_complete
from fau_tf.data.synthetic_set import PREFIX, SyntheticSet
from fau_tf.evaluation.low_reliability import low_reliability
from fau_tf.models.presets import NetSpec
from fau_tf.training import calibrate, run_state, setup
from fau_tf.training.config import Config, load_config
from fau_tf.training.run_dir import METRICS, model_name, parts_holding

REPRESENTATIVE: Final = 256
"""Number of faces of validation subjects from which ranges are taken."""
TEST_FACES: Final = 1000
"""Smallest number of faces of test subjects on which a variant is tested."""
_OF_EACH_AU: Final = 30
"""Faces of real test subjects that show an AU, where there are so many."""
_PARTS: Final = ("train", "validation", "test")


class RunError(ValueError):
    """A run that can't be exported."""


@dataclass(frozen=True)
class TrainedRun:
    """A run to export.

    Attributes:
        path: `runs/<name>`, or the folder of one of its folds.
        config: Its settings.
        net: Its best network.
        subjects: `train`, `validation` and `test` -> the subjects of that part; only `train` has
            some in any case.
        records: Folder of the face records that it was trained on, within that of all; empty for
            runs from before it was noted.
        facts: Entries for each model's JSON: `intervals`, their `coverage`, `low_reliability` and
            `real_faces`, where known.
    """

    path: Path
    config: Config
    net: keras.Model
    subjects: Mapping[str, Sequence[str]]
    records: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What its files are named after: the run, and its seed and fold."""
        return model_name(self.config.run.name, self.path)


@dataclass(frozen=True)
class LabeledFaces:
    """Aligned faces, cropped as in the demo.

    Attributes:
        images: (N, S, S, 3) float32, RGB 0 to 255.
        intensity: (N, A) coded, NaN where not coded.
        name: Of the data set.
        subjects: Number of subjects.
        part: Of the run: `test`, `validation` or `train`.
    """

    images: npt.NDArray[np.float32]
    intensity: npt.NDArray[np.float32]
    name: str
    subjects: int
    part: str = "test"

    @property
    def synthetic(self) -> bool:
        """Whether they were rendered."""
        return self.name.startswith(PREFIX)


def load_run(path: Path) -> TrainedRun:
    """Return the run in a folder.

    Raises:
        RunError: If it lacks its settings, its network or its subjects, as an unfinished one does,
            or is of another contract version.
    """
    _require_no_folds(path)
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
    net, people = _network(path, config.model), _json_object(path / run_state.PEOPLE)
    records = str(people.get("records", ""))
    return TrainedRun(path, config, net, _subjects(path, people), records, _facts(path))


def _require_no_folds(path: Path) -> None:
    folds = parts_holding(path, run_state.BEST)
    if folds and not (path / run_state.BEST).is_file():
        names = ", ".join(map(str, folds))
        raise RunError(
            f"{path}: a run with folds or seeds has a network for each: {names}. Name one, or "
            "train one on all subjects: python train_keras.py --config "
            f"{folds[0] / 'config.toml'} --set data.protocol=all --set data.folds=[] --set "
            f"run.name={path.name}_all"
        )


def _subjects(path: Path, people: Mapping[str, Any]) -> dict[str, list[str]]:
    lacking = [name for name in _PARTS if not isinstance(people.get(name), list)]
    lacking += [] if people.get("train") or "train" in lacking else ["train"]
    if lacking:
        raise RunError(
            f"{path / run_state.PEOPLE}: must list the subjects of {', '.join(_PARTS)}, but has "
            f"none for {', '.join(lacking)}. Train again: python train_keras.py"
        )
    return {name: list(people[name]) for name in _PARTS}


def _facts(path: Path) -> dict[str, Any]:
    """Return `TrainedRun.facts`, from what was measured of the run."""
    accuracy = _json_object(path / run_state.ACCURACY)
    real_faces = _json_object(path / run_state.REAL_FACES)
    facts = calibrate.model_json_entries(path) | _coverage(path)
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


def _coverage(path: Path) -> dict[str, Any]:
    """Return the coverage of the intervals on the run's test subjects; empty if not measured."""
    metrics = _json_object(path / METRICS[0])
    if "coverage" not in metrics:
        return {}
    try:
        covered, data = metrics["coverage"]["mean"]["covered"], metrics["data"]
        if covered is None:  # no test face has a coded AU
            return {}
        found = {"covered": float(covered), "test_subjects": int(data["test_subjects"])}
        return {"coverage": found | {"dataset": str(data["name"])}}
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{path / METRICS[0]}: must have the coverage on test subjects: got "
            f"{error!r}. Train again."
        ) from error


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
    """Return `REPRESENTATIVE` faces of validation subjects, or a few more.

    They are of training subjects where a run validated on none.
    """
    part = "validation" if run.subjects["validation"] else "train"
    return labeled(run_part(run, part, REPRESENTATIVE, data, log=log), run.config, part)


def load_test_faces(run: TrainedRun, data: Path, *, log: Callable[[str], None]) -> LabeledFaces:
    """Return `TEST_FACES` faces, or more, of subjects used neither for training nor for choices.

    A run on all subjects has none: they are of its validation or else of its training subjects. A
    real data set may have fewer.
    """
    part = next(part for part in _PARTS[::-1] if run.subjects[part])
    return labeled(run_part(run, part, TEST_FACES, data, log=log), run.config, part)


def require_shown(run: TrainedRun, data: Path) -> None:
    """Raise ValueError unless a training face shows each AU of the network.

    Others would have intensities of 0, or noise. Rendered faces show all.
    """
    if run.config.data.dataset != SYNTHETIC:
        part = _stored_faces(run, data).subset(run.subjects["train"])
        setup.require_coded(run.config, part.labels(setup.make_targets(run.config)))


def run_part(
    run: TrainedRun, part: str, count: int, folder: Path, *, log: Callable[[str], None]
) -> datasets.Subset:
    """Return at least `count` faces of the subjects of one part.

    Synthetic ones are rendered unless the run's own set is on disk and large enough. Real ones are
    a sample of the run's own records; there may be fewer.

    Args:
        run: Holds the subjects and the settings of the data.
        part: "train", "validation" or "test".
        count: Reached by enough faces of each subject.
        folder: Of the face records.
        log: Prints a line.

    Raises:
        RunError: If the records of real faces are gone.
    """
    config, subjects = run.config, run.subjects[part]
    if config.data.dataset != SYNTHETIC:
        stored = _stored_faces(run, folder).subset(subjects)
        return stored.sample(setup.make_targets(config), count, of_each_au=_OF_EACH_AU)
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


def _stored_faces(run: TrainedRun, folder: Path) -> datasets.FaceDataset:
    """Return the real faces that a run was trained on."""
    settings, name = run.config.data, run.records
    if not name:  # only the source tells where they are
        name = dataset_folder(settings, index_dataset(settings), folder).name
    if not (folder / name / CARD).is_file():
        again = f"python -m fau_tf.cli.data prepare {run.path / 'config.toml'} --data {folder}"
        raise RunError(
            f"{folder / name}: must hold the face records of {run.path}. Received: no complete "
            "set. Name the folder that has them by --data, or make them again from the same files "
            f"and labels: {again}"
        )
    return datasets.stored_real(settings, folder / name)


def labeled(part: datasets.Subset, config: Config, name: str) -> LabeledFaces:
    """Return the faces of the part of a run with this name, cropped as in the demo, labeled."""
    targets = setup.make_targets(config)
    images = [batch.numpy() for batch, _ in part.batches(targets, batch_size=64)]
    coded, subjects = part.labels(targets), len(part.subjects)
    return LabeledFaces(np.concatenate(images), coded, part.faces.name, subjects, name)


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
