"""Trained and exported networks, loaded for an evaluation."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fau_tf.codec import HeatmapCodec
from fau_tf.data.adapters.registry import DATASETS
from fau_tf.data.synthetic_set import PREFIX
from fau_tf.training.calibrate import calibrated_network
from fau_tf.training.config import load_config
from fau_tf.training.predict import predict_intensity
from fau_tf.training.run_dir import parts_holding
from fau_tf.training.run_state import BEST, PEOPLE

SYNTHETIC: Final = "synthetic"
"""Population of every synthetic set."""


@dataclass(frozen=True)
class Network:
    """A trained or exported network.

    Attributes:
        name: Of its file, of its run, or of its fold and seed, e.g. `seed1/fold2`.
        aus: The A action units, in the order of its predictions.
        codec: Gives the size of the crop.
        rule: Row of `facs.RULES`.
        predict: Batches of (image, targets) -> (N, A) intensities.
        population: Data sets with the same population share their subjects' names; empty if
            unknown.
        fitted_on: Subjects of that population that it was trained on or selected by.
    """

    name: str
    aus: tuple[int, ...]
    codec: HeatmapCodec
    rule: str
    predict: Callable[[tf.data.Dataset], npt.NDArray[np.float32]]
    population: str = ""
    fitted_on: frozenset[str] = field(default_factory=frozenset)


def load_networks(path: Path) -> list[Network]:
    """Return the networks of a run, one for each seed and fold, or the network of a .tflite file.

    Raises:
        ValueError: If there is none.
    """
    if path.suffix == ".tflite":
        return [_exported(path)]
    folders = [path] if (path / BEST).is_file() else parts_holding(path, BEST)
    found = [
        _trained(folder, path.name if folder == path else folder.relative_to(path).as_posix())
        for folder in folders
    ]
    if not found:
        state = f"holds no {BEST}, nor do its folds and seeds" if path.is_dir() else "doesn't exist"
        raise ValueError(
            f"{path} {state}. Evaluate a .tflite file or a finished run; train one: "
            "python train_keras.py"
        )
    return found


def population_of(name: str) -> str:
    """Return the population of a data set: of its kind, else the set's own name.

    All synthetic sets are of one, for a face depends on seed, person, face and rig only: sets with
    other lists of rigs share faces. A population is that of itself, and so are the names of
    synthetic sets, which runs of earlier versions have stored as theirs.
    """
    if name.startswith(PREFIX):
        return SYNTHETIC
    return (DATASETS[name].population if name in DATASETS else "") or name


def _trained(folder: Path, name: str) -> Network:
    spec = load_config(folder / "config.toml").model
    net = calibrated_network(folder, spec)
    people: dict[str, Any] = {}
    if (folder / PEOPLE).is_file():
        people = json.loads((folder / PEOPLE).read_text(encoding="utf-8"))
    return Network(
        name,
        tuple(spec.au_numbers),
        spec.codec,
        spec.rule,
        lambda batches: predict_intensity(net, spec, batches),
        population_of(people.get("population", "")),
        frozenset([*people.get("train", []), *people.get("validation", [])]),
    )


def _exported(path: Path) -> Network:
    from fau_tf.inference.interpreter import AUInterpreter

    model = AUInterpreter(path)
    info = model.info
    trained_on = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["training_data"]

    def predict(batches: tf.data.Dataset) -> npt.NDArray[np.float32]:
        # Whole gray levels, as in a photo.
        crops = (np.rint(crop).astype(np.uint8) for images, _ in batches for crop in images.numpy())
        return np.stack([model(crop)[0] for crop in crops])

    return Network(
        path.name,
        info.aus,
        HeatmapCodec(info.image_size, info.heatmap_size, 1.0),
        info.rule,
        predict,
        population_of(trained_on.get("population") or trained_on.get("name", "")),
        frozenset(trained_on.get("subjects", ())),
    )
