"""Test people of a generated set, what runs answer for them, and the tables of `accuracy.py`."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fau_tf import facs
from fau_tf.data import datasets
from fau_tf.data.synthetic_set import rig_of
from fau_tf.metrics import agreement, bootstrap
from fau_tf.training import fit
from fau_tf.training.calibrate import calibrated_network
from fau_tf.training.config import Config, load_config
from fau_tf.training.predict import predict_intensity
from fau_tf.training.run_dir import RunDir
from fau_tf.training.run_state import PEOPLE

Array = np.ndarray
LABELS = [facs.AUS[au].label for au in facs.ALL]


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run on generated faces.

    Attributes:
        path: Its folder.
        config: Its settings.
        people: `train`, `validation` and `test` -> names.
    """

    path: Path
    config: Config
    people: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, path: Path) -> "Run":
        """Return the run in a folder."""
        people = json.loads((path / PEOPLE).read_text(encoding="utf-8"))
        parts = {name: people[name] for name in ("train", "validation", "test")}
        return cls(path, load_config(path / "config.toml"), parts)

    def faces(self, data: Path) -> datasets.FaceDataset:
        """Return its set, rendered now unless it is there."""
        return fit.prepare(self.config, data, RunDir(self.path, alone=False))

    def labels(self, part: datasets.Subset) -> Array:
        """Return (N, A) coded intensities of a part."""
        return part.labels(fit.targets(self.config))

    def answers(self, part: datasets.Subset) -> Array:
        """Return (N, A) what its network reads, stretched as it is shipped."""
        spec = self.config.model
        batches = part.batches(fit.targets(self.config), batch_size=64)
        return predict_intensity(calibrated_network(self.path, spec), spec, batches)


@dataclass(frozen=True, eq=False)
class Known:
    """N faces and all that is known of them.

    Attributes:
        coded: (N, A) intensities.
        subjects: N names.
        rig: N names.
        factors: Name -> (N,).
    """

    coded: Array
    subjects: list[str]
    rig: Array
    factors: Mapping[str, Array]

    @property
    def renderer(self) -> Array:
        """N names."""
        return np.where(self.factors["path_traced"] > 0, "path", "fast")


def known(part: datasets.Subset, run: Run) -> Known:
    """Return what is known of a part's faces, in the order of its unseeded batches."""
    subjects, values, names = [], [], []
    for row in part.records.as_numpy_iterator():
        subjects.append(row["subject"].decode())
        values.append(row["factors"])
        names = [name.decode() for name in row["factor_names"]]
    factors = dict(zip(names, np.stack(values).T, strict=True))
    rig = np.array([rig_of(name, run.config.data.rigs) for name in subjects])
    return Known(run.labels(part), subjects, rig, factors)


def icc_with_interval(coded: Array, answers: Array, subjects: Sequence[str]) -> dict[str, Any]:
    """Return `agreement.summary` and the 95 % interval of its mean ICC, by subject."""
    figures = agreement.summary(coded, answers, LABELS)
    sure = bootstrap.confidence_intervals(coded, answers, subjects, LABELS)["mean"]["icc"]
    return figures | {"icc_interval": sure, "faces": len(coded)}


def by_group(
    faces: Known, answers: Array, groups: Mapping[str, Array]
) -> dict[str, dict[str, Any]]:
    """Return `icc_with_interval` of each group; `groups` has (N,) masks by name."""
    subjects = np.array(faces.subjects)
    return {
        name: icc_with_interval(faces.coded[mask], answers[mask], subjects[mask].tolist())
        for name, mask in groups.items()
        if mask.any()
    }


def rig_groups(faces: Known) -> dict[str, Array]:
    """Return the masks of each rig with each renderer, and of each rig."""
    found = {}
    for rig in dict.fromkeys(faces.rig):
        found[f"{rig}"] = faces.rig == rig
        for renderer in ("fast", "path"):
            found[f"{rig}, {renderer}"] = (faces.rig == rig) & (faces.renderer == renderer)
    return found


# Name -> (factor, edges between groups, names of the groups)
FACTORS: dict[str, tuple[Callable[[Known], Array], Sequence[float], Sequence[str]]] = {
    "skin": (lambda k: k.factors["melanin"], (0.2, 0.7), ("light", "middle", "dark")),
    "age": (lambda k: k.factors["age"], (0.33, 0.67), ("young", "middle", "old")),
    "yaw": (lambda k: np.abs(k.factors["yaw"]), (7.0, 14.0), ("to 7°", "to 14°", "beyond 14°")),
    "pitch": (lambda k: np.abs(k.factors["pitch"]), (4.0, 8.0), ("to 4°", "to 8°", "beyond 8°")),
    "light from the side": (
        lambda k: np.abs(k.factors["light_side"]), (30.0, 60.0), ("to 30°", "to 60°", "beyond 60°"),
    ),
    "exposure": (
        lambda k: k.factors["exposure"], (0.95, 1.35), ("low", "middle", "high"),
    ),
    "glasses": (lambda k: k.factors["glasses"], (0.5,), ("without", "with")),
    "hand": (lambda k: k.factors["hand"], (0.0001,), ("without", "with")),
    "strands of hair": (lambda k: k.factors["strands"], (0.0001,), ("without", "with")),
}  # fmt: skip


def factor_rows(faces: Known, answers: Array) -> list[dict[str, Any]]:
    """Return MAE and ICC by what is known of a face, a row a group."""
    rows = []
    for name, (values, edges, groups) in FACTORS.items():
        place = np.digitize(values(faces), edges, right=True)
        for i, group in enumerate(groups):
            mask = place == i
            if mask.sum() < 20:
                continue
            mean = agreement.summary(faces.coded[mask], answers[mask], LABELS)["mean"]
            rows.append({"factor": name, "group": group, "faces": int(mask.sum()), **mean})
    return rows


def person_spread(faces: Known, answers: Array) -> dict[str, float]:
    """Return the quantiles of a person's mean absolute error."""
    error = np.abs(answers - faces.coded).mean(axis=1)
    subjects = np.array(faces.subjects)
    each = [float(error[subjects == name].mean()) for name in dict.fromkeys(faces.subjects)]
    return {f"{q:g}": float(np.quantile(each, q)) for q in (0.05, 0.5, 0.95, 1.0)}


def record_image(row: Mapping[str, Any]) -> Array:
    """Return the picture of a parsed record."""
    return np.array(Image.open(io.BytesIO(row["image"])))
