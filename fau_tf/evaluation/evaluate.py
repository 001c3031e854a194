"""Evaluation of trained or exported networks on test subjects of a data set."""

import json
from collections.abc import Callable, Mapping, Sequence
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
from fau_tf.evaluation import figures, predictions, published
from fau_tf.evaluation.predictions import PREDICTIONS, Predictions, pooled
from fau_tf.training.calibrate import calibrated_network
from fau_tf.training.config import load_config
from fau_tf.training.predict import predict_intensity
from fau_tf.training.run_dir import RunDir
from fau_tf.training.run_state import BEST, PEOPLE

_BATCH: Final = 64


@dataclass(frozen=True)
class Network:
    """A trained or exported network.

    Attributes:
        name: Of its file or folder.
        aus: The A action units, in the order of its predictions.
        codec: Gives the size of the crop.
        rule: Row of `facs.RULES`.
        predict: Batches of (image, targets) -> (N, A) intensities.
        population: Data sets with the same population share their subjects' names.
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
    """Return the networks of a run, one a fold, or the network of a .tflite file.

    Raises:
        ValueError: If there is none.
    """
    if path.suffix == ".tflite":
        return [_exported(path)]
    folds = [path] if (path / BEST).is_file() else sorted(path.glob("fold*"))
    found = [_trained(folder) for folder in folds if (folder / BEST).is_file()]
    if not found:
        state = f"holds no {BEST}, nor do its folds" if path.is_dir() else "doesn't exist"
        raise ValueError(
            f"{path} {state}. Evaluate a .tflite file or a finished run; train one: "
            "python train_keras.py"
        )
    return found


def evaluate(
    networks: Sequence[Network],
    faces: FaceDataset,
    subjects: Sequence[str],
    log: Callable[[str], None],
) -> Predictions:
    """Return the predictions for test subjects, each by the first network not fitted on them.

    Args:
        networks: From `load_networks`.
        faces: The data set.
        subjects: Test subjects of the data set's protocol.
        log: Prints a line.

    Raises:
        ValueError: If every network was fitted on every subject, or the data set codes no AU of
            the networks.
    """
    coded = (DATASETS[faces.name].aus if faces.name in DATASETS else ()) or facs.ALL
    aus = [au for au in networks[0].aus if au in coded]
    if not aus:
        raise ValueError(
            f"{networks[0].name} predicts {', '.join(facs.AUS[au].label for au in networks[0].aus)}"
            f", and {faces.name} codes none of them. Evaluate on another data set."
        )
    parts, remaining = [], list(subjects)
    for network in networks:
        same = network.population == population_of(faces.name)
        fitted_on = network.fitted_on if same else frozenset[str]()
        chosen = [name for name in remaining if name not in fitted_on]
        if chosen:
            log(f"   {network.name} predicts {len(chosen)} subjects")
            parts.append(_predictions(network, faces, chosen, aus))
        remaining = [name for name in remaining if name in fitted_on]
    if remaining:
        log(f"   left out, as the network was fitted on them: {', '.join(remaining)}")
    if not parts:
        raise ValueError(
            f"{networks[0].name} was fitted on all {len(subjects)} test subjects. Evaluate on "
            "another data set."
        )
    return pooled(parts)


def write_evaluation(
    run: RunDir,
    found: Predictions,
    dataset: str,
    *,
    prefix: str = "",
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Print and keep every figure of some predictions; return the content of metrics.json.

    Writes predictions.npz, agreement.png, scatter.png and metrics.json.

    Args:
        run: Folder of the run.
        found: The predictions.
        dataset: Name of the data set.
        prefix: Of the names of the files.
        facts: Further entries of metrics.json.
    """
    metrics = found.figures()
    run.log(predictions.table(metrics))
    run.log(predictions.levels_table(metrics))
    for line in published.comparison(dataset, metrics["test"]["mean"]["icc"]):
        run.log(line)
    found.save(run / f"{prefix}{PREDICTIONS}")
    subjects, labels = len(set(found.subjects)), list(found.labels)
    title = f"{len(found.coded)} faces of {subjects} test subjects, {dataset}"
    figures.draw_agreement(run / f"{prefix}agreement.png", metrics["test"], title)
    figures.draw_scatter(run / f"{prefix}scatter.png", found.coded, found.predicted, labels, title)
    metrics |= {
        "data": {"name": dataset, "test_subjects": subjects},
        "published": published.published_results(dataset),
        **(facts or {}),
    }
    run.write_json(f"{prefix}metrics.json", metrics)
    return metrics


def population_of(name: str) -> str:
    """Return the population of a data set: of its kind, else the set's own name."""
    return (DATASETS[name].population if name in DATASETS else "") or name


def describe_people(faces: FaceDataset, parts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the content of a run's `people.json`.

    Those are the population, the folder of the face records, and the subjects of each part.
    """
    names = {part: list(subjects) for part, subjects in parts.items()}
    records = faces.files[0].parent.name
    return {"population": population_of(faces.name), "records": records, **names}


def _predictions(
    network: Network, faces: FaceDataset, subjects: Sequence[str], aus: Sequence[int]
) -> Predictions:
    """Return a network's predictions; AUs that it lacks are NaN."""
    targets = Targets(codec=network.codec, aus=network.aus, rule=network.rule)
    part = faces.subset(subjects)
    intensity = network.predict(part.batches(targets, batch_size=_BATCH))
    labels = part.labels(targets)
    coded = np.full((len(labels), len(aus)), np.nan, np.float32)
    predicted = coded.copy()
    for i, au in enumerate(aus):
        if au in network.aus:
            coded[:, i] = labels[:, network.aus.index(au)]
            predicted[:, i] = intensity[:, network.aus.index(au)]
    return Predictions(coded, predicted, part.face_subjects(), [facs.AUS[au].label for au in aus])


def _trained(folder: Path) -> Network:
    spec = load_config(folder / "config.toml").model
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
        trained_on.get("population") or trained_on.get("name", ""),
        frozenset(trained_on.get("subjects", ())),
    )
