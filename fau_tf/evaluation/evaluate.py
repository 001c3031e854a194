"""Score a run, or an exported .tflite, on people that it has not seen."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.data.adapters.registry import DATASETS
from fau_tf.data.datasets import FaceDataset
from fau_tf.data.pipeline import Targets
from fau_tf.evaluation.predictions import Predictions, pooled
from fau_tf.training.calibrate import calibrated_network
from fau_tf.training.config import load_config
from fau_tf.training.predict import predict_intensity
from fau_tf.training.run_state import BEST, PEOPLE

_BATCH: Final = 64


@dataclass(frozen=True)
class Network:
    """Something that reads AU intensities from faces.

    Attributes:
        name: Of its file or folder.
        aus: The A action units, in the order of its answers.
        codec: Gives the size of the crop.
        rule: Row of `facs.RULES`.
        answer: Batches of (image, targets) -> (N, A).
        population: Whose names `seen` has.
        seen: People whom it learned from or was chosen by.
    """

    name: str
    aus: tuple[int, ...]
    codec: HeatmapCodec
    rule: str
    answer: Callable[[tf.data.Dataset], npt.NDArray[np.float32]]
    population: str = ""
    seen: frozenset[str] = field(default_factory=frozenset)


def networks(path: Path) -> list[Network]:
    """Return the networks of a run, one a fold, or the one of a .tflite file.

    Raises:
        ValueError: If there is none.
    """
    if path.suffix == ".tflite":
        return [_exported(path)]
    folds = [path] if (path / BEST).is_file() else sorted(path.glob("fold*"))
    found = [_trained(folder) for folder in folds if (folder / BEST).is_file()]
    if not found:
        received = "a folder without it" if path.is_dir() else "no such folder"
        raise ValueError(
            f"{path}: --evaluate takes a .tflite file, or a run that holds {BEST} or folds that "
            f"do. Received: {received}. Train one: python train_keras.py"
        )
    return found


def evaluate(
    found: Sequence[Network],
    faces: FaceDataset,
    people: Sequence[str],
    aus: Sequence[int],
    say: Callable[[str], None],
) -> Predictions:
    """Return the answers for `people`; each is judged by the first network that hasn't seen them.

    Args:
        found: From `networks`.
        faces: The data set.
        people: Whom the data set's protocol tests.
        aus: Coded AUs that are wanted; those that a network lacks become NaN.
        say: Prints a line.

    Raises:
        ValueError: If every network has seen everybody, or has none of the AUs.
    """
    if not aus:
        raise ValueError(
            f"{found[0].name}: a network must have an AU that the data set codes. Received: "
            f"{', '.join(facs.AUS[au].label for au in found[0].aus)}, none of which {faces.name} "
            "codes. Evaluate on other data."
        )
    population = population_of(faces.name)
    parts, left = [], list(people)
    for network in found:
        seen = network.seen if network.population == population else frozenset[str]()
        mine = [person for person in left if person not in seen]
        if mine:
            say(f"   {network.name} judges {len(mine)} people")
            parts.append(_judged(network, faces, mine, aus))
        left = [person for person in left if person in seen]
    if left:
        say(f"   left out, for the network has seen them: {', '.join(left)}")
    if not parts:
        raise ValueError(
            f"{found[0].name}: test people must be ones that the network hasn't seen. Received: "
            f"{len(people)} whom it learned from. Evaluate on other data."
        )
    return pooled(parts)


def population_of(name: str) -> str:
    """Return whose names a data set has; sets of one's own and synthetic ones have their own."""
    return (DATASETS[name].population if name in DATASETS else "") or name


def describe_people(faces: FaceDataset, parts: dict[str, Sequence[str]]) -> dict[str, Any]:
    """Return the content of a run's `people.json`."""
    people = {name: list(names) for name, names in parts.items()}
    return {"population": population_of(faces.name), **people}


def _judged(
    network: Network, faces: FaceDataset, people: Sequence[str], aus: Sequence[int]
) -> Predictions:
    targets = Targets(codec=network.codec, aus=network.aus, rule=network.rule)
    part = faces.subset(people)
    answers = network.answer(part.batches(targets, batch_size=_BATCH))
    own = part.labels(targets)
    coded = np.full((len(own), len(aus)), np.nan, np.float32)
    predicted = coded.copy()
    for i, au in enumerate(aus):
        if au in network.aus:
            coded[:, i] = own[:, network.aus.index(au)]
            predicted[:, i] = answers[:, network.aus.index(au)]
    return Predictions(coded, predicted, part.face_subjects(), [facs.AUS[au].label for au in aus])


def _trained(folder: Path) -> Network:
    config = load_config(folder / "config.toml")
    spec = config.model
    net = calibrated_network(folder, spec)
    people: dict[str, Any] = {}
    if (folder / PEOPLE).is_file():
        people = json.loads((folder / PEOPLE).read_text(encoding="utf-8"))
    return Network(
        folder.name,
        tuple(spec.au_numbers),
        spec.codec,
        spec.rule,
        lambda batches: predict_intensity(net, spec, batches),
        people.get("population", ""),
        frozenset([*people.get("train", []), *people.get("validation", [])]),
    )


def _exported(path: Path) -> Network:
    from fau_tf.inference.interpreter import AUInterpreter

    model = AUInterpreter(path)
    info = model.info
    learned = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["training_data"]

    def answer(batches: tf.data.Dataset) -> npt.NDArray[np.float32]:
        # As a camera would give it: whole gray levels.
        crops = (np.rint(crop).astype(np.uint8) for images, _ in batches for crop in images.numpy())
        return np.stack([model(crop)[0] for crop in crops])

    return Network(
        path.name,
        info.aus,
        HeatmapCodec(info.image_size, info.heatmap_size, 1.0),
        info.rule,
        answer,
        learned.get("population") or learned.get("name", ""),
        frozenset(learned.get("subjects", ())),
    )
