"""Predictions of a run on synthetic test subjects: agreement by rig, renderer and factor."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from fau_tf.data import datasets
from fau_tf.data.config import SYNTHETIC
from fau_tf.data.synthetic_set import rig_of
from fau_tf.metrics import agreement, bootstrap
from fau_tf.training import setup
from fau_tf.training.calibrate import calibrated_network
from fau_tf.training.config import Config, load_config
from fau_tf.training.predict import predict_intensity
from fau_tf.training.run_state import PEOPLE

Array = npt.NDArray[Any]
_PARTS: Final = ("train", "validation", "test")
_QUICK: Final = 20  # subjects of each part
_FEWEST_FACES: Final = 20  # in a row of `by_factor`


@dataclass(frozen=True, eq=False)
class SyntheticRun:
    """A finished run on synthetic faces.

    Attributes:
        path: Its folder.
        config: Its settings.
        subjects: `train`, `validation` and `test` -> names.
    """

    path: Path
    config: Config
    subjects: Mapping[str, Sequence[str]]

    @classmethod
    def load(cls, path: Path, *, quick: bool = False) -> Self:
        """Return the run in a folder; `quick` keeps 20 subjects of each part.

        Raises:
            ValueError: If the folder doesn't hold a finished run on synthetic faces with validation
                and test subjects.
        """
        config = _synthetic_config(path)
        try:
            names = json.loads((path / PEOPLE).read_text(encoding="utf-8"))
            subjects = {part: names[part][: _QUICK if quick else None] for part in _PARTS}
        except (OSError, ValueError, KeyError, TypeError) as error:
            cause = getattr(error, "strerror", None) or repr(error)
            raise ValueError(
                f"{path / PEOPLE} can't be read: {cause}. Give the folder of a finished run; train "
                "one: python train_keras.py"
            ) from error
        for part in _PARTS:
            if not subjects[part]:
                raise ValueError(
                    f"{path}: evaluation needs validation and test subjects: got no {part} "
                    "subjects. Train a run whose `data.protocol` has them."
                )
        return cls(path, config, subjects)

    def faces(self, data: Path) -> datasets.FaceDataset:
        """Return the run's set, rendered first unless it is complete."""
        return setup.prepare_faces(self.config, data, print)

    def labels(self, part: datasets.Subset) -> Array:
        """Return (N, A) true intensities of a part."""
        return part.labels(setup.make_targets(self.config))

    def predict(self, part: datasets.Subset) -> Array:
        """Return (N, A) intensities by the run's calibrated network."""
        spec = self.config.model
        batches = part.batches(setup.make_targets(self.config), batch_size=64)
        return predict_intensity(calibrated_network(self.path, spec), spec, batches)


@dataclass(frozen=True, eq=False)
class LabeledFaces:
    """N synthetic faces with the values that they were rendered from.

    Attributes:
        coded: (N, A) intensities.
        subjects: N names.
        rig: (N,) names.
        factors: Name -> (N,) values.
        labels: A names, e.g. `AU06`.
    """

    coded: Array
    subjects: list[str]
    rig: Array
    factors: Mapping[str, Array]
    labels: list[str]

    @classmethod
    def load(cls, part: datasets.Subset, run: SyntheticRun) -> Self:
        """Return the faces of a part, in the order of its unseeded batches."""
        subjects, values, names = [], [], []
        for row in part.records.as_numpy_iterator():
            subjects.append(row["subject"].decode())
            values.append(row["factors"])
            names = [name.decode() for name in row["factor_names"]]
        factors = dict(zip(names, np.stack(values).T, strict=True))
        rig = np.array([rig_of(name, run.config.data.rigs) for name in subjects])
        return cls(run.labels(part), subjects, rig, factors, run.config.model.labels)


def _synthetic_config(path: Path) -> Config:
    """Return the settings of a run in a folder; raise ValueError unless it has synthetic faces."""
    file = path / "config.toml"
    if not file.is_file():
        raise ValueError(
            f"{file}: no such file. Give the folder of a finished run; train one: python "
            "train_keras.py"
        )
    config = load_config(file)
    if config.data.dataset != SYNTHETIC:
        raise ValueError(
            f"{path}: this command evaluates runs on synthetic faces: got data.dataset = "
            f"{config.data.dataset!r}. Figures of this run are in its metrics.json; on other data: "
            "python train_keras.py --config FILE --evaluate RUN; beside another run: python -m "
            "fau_tf.cli.evaluate compare A B"
        )
    return config


def rig_masks(faces: LabeledFaces) -> dict[str, Array]:
    """Return (N,) masks by rig, and by rig and renderer."""
    renderer = np.where(faces.factors["path_traced"] > 0, "path", "fast")
    masks = {}
    for rig in dict.fromkeys(faces.rig.tolist()):
        masks[rig] = faces.rig == rig
        for name in ("fast", "path"):
            masks[f"{rig}, {name}"] = masks[rig] & (renderer == name)
    return {name: mask for name, mask in masks.items() if mask.any()}


def by_group(
    faces: LabeledFaces, predicted: Array, masks: Mapping[str, Array]
) -> dict[str, dict[str, Any]]:
    """Return the agreement on each group of faces, with the 95 % CI of its mean ICC.

    Returns:
        Name -> `agreement.summary`, `icc_interval` (bootstrap over subjects) and `faces`.
    """
    found = {}
    for name, mask in masks.items():
        coded, group = faces.coded[mask], predicted[mask]
        subjects = np.array(faces.subjects)[mask].tolist()
        given = coded, group, subjects, faces.labels
        interval = bootstrap.confidence_intervals(*given)["mean"]["icc"]
        figures: dict[str, Any] = agreement.summary(coded, group, faces.labels)
        found[name] = figures | {"icc_interval": interval, "faces": len(coded)}
    return found


# Name -> (values of a factor, edges between groups, names of the groups)
FACTORS: Final[
    dict[str, tuple[Callable[[Mapping[str, Array]], Array], Sequence[float], Sequence[str]]]
] = {
    "skin": (lambda f: f["melanin"], (0.2, 0.7), ("light", "medium", "dark")),
    "age": (lambda f: f["age"], (0.33, 0.67), ("young", "middle", "old")),
    "yaw": (lambda f: np.abs(f["yaw"]), (7.0, 14.0), ("to 7°", "to 14°", "beyond 14°")),
    "pitch": (lambda f: np.abs(f["pitch"]), (4.0, 8.0), ("to 4°", "to 8°", "beyond 8°")),
    "light from the side": (
        lambda f: np.abs(f["light_side"]), (30.0, 60.0), ("to 30°", "to 60°", "beyond 60°"),
    ),
    "exposure": (lambda f: f["exposure"], (0.95, 1.35), ("low", "medium", "high")),
    "glasses": (lambda f: f["glasses"], (0.5,), ("without", "with")),
    "hand": (lambda f: f["hand"], (0.0001,), ("without", "with")),
    "strands of hair": (lambda f: f["strands"], (0.0001,), ("without", "with")),
}  # fmt: skip


def by_factor(faces: LabeledFaces, predicted: Array) -> list[dict[str, Any]]:
    """Return MAE and ICC by skin, age, pose, light and occluders, one row a group of faces."""
    rows = []
    for name, (values, edges, groups) in FACTORS.items():
        place = np.digitize(values(faces.factors), edges, right=True)
        for i, group in enumerate(groups):
            mask = place == i
            if mask.sum() >= _FEWEST_FACES:
                given = faces.coded[mask], predicted[mask], faces.labels
                mean = agreement.summary(*given)["mean"]
                rows.append({"factor": name, "group": group, "faces": int(mask.sum()), **mean})
    return rows


def subject_error_quantiles(faces: LabeledFaces, predicted: Array) -> dict[str, float]:
    """Return quantiles, over the subjects, of a subject's mean absolute error."""
    error = np.abs(predicted - faces.coded).mean(axis=1)
    subjects = np.array(faces.subjects)
    each = [float(error[subjects == name].mean()) for name in dict.fromkeys(faces.subjects)]
    return {f"{q:g}": float(np.quantile(each, q)) for q in (0.05, 0.5, 0.95, 1.0)}
