"""From a network and its faces to the best checkpoint."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

import fau_tf
from fau_tf import facs
from fau_tf.data.datasets import Faces, Part, prepare_synthetic
from fau_tf.data.pipeline import Targets
from fau_tf.data.synthetic import SyntheticSet
from fau_tf.model import fau_net
from fau_tf.training.callbacks import History, Progress, ValidationAgreement
from fau_tf.training.config import Config, dump_toml
from fau_tf.training.losses import HeatmapLoss, au_weights
from fau_tf.training.predict import predict_intensity
from fau_tf.training.regressor import HeatmapRegressor
from fau_tf.training.run_folder import RunFolder, versions
from fau_tf.training.schedule import WarmupPlateauDecay

BEST: Final = "best.keras"
HISTORY: Final = "history.csv"
TRAINED: Final = "trained.json"


def make_deterministic(config: Config) -> None:
    """Seed everything, and have TensorFlow compute the same thing every time, on a CPU."""
    threads = tf.config.threading
    if threads.get_intra_op_parallelism_threads() != config.training.threads:
        threads.set_intra_op_parallelism_threads(config.training.threads)
    # One operator at a time: the sum of three gradients starts with whichever buffer is free by
    # then, and float sums depend on their order. The input pipeline has threads of its own.
    if threads.get_inter_op_parallelism_threads() != 1:
        threads.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(config.run.seed)
    tf.config.experimental.enable_op_determinism()


def prepare(config: Config, folder: Path, run: RunFolder) -> Faces:
    """Return the run's faces, generated if they aren't there yet."""
    data = config.data
    settings = SyntheticSet(
        people=data.people,
        faces_per_person=data.faces_per_person,
        record_size=data.record_size,
        seed=config.data_seed,
    )
    return prepare_synthetic(settings, folder, processes=data.processes, say=run.say)


def targets(config: Config) -> Targets:
    """Return what the run's heatmaps should be."""
    spec = config.model
    return Targets(codec=spec.codec, aus=spec.au_numbers, rule=spec.rule)


def heatmap_loss(config: Config, targets: Targets, coded: npt.NDArray[np.float32]) -> HeatmapLoss:
    """Return the run's loss.

    Args:
        config: Of the run.
        targets: What the heatmaps should be.
        coded: (N, A) intensities of the training faces, which AUs are balanced by.
    """
    settings = config.training
    return HeatmapLoss(
        codec=targets.codec,
        to_au=facs.centre_to_au(targets.aus, targets.rule),
        au_weight=au_weights(coded, settings.balance),
        floor=settings.floor,
        foreground=settings.foreground,
        decoded=settings.decoded,
    )


def fit(
    net: keras.Model, config: Config, parts: dict[str, Part], targets: Targets, run: RunFolder
) -> list[dict[str, float]]:
    """Train `net`; leave best.keras and history.csv in the run's folder; return the history.

    Args:
        net: (B, S, S, 3) -> (B, h, w, K) heatmaps.
        config: Of the run.
        parts: `train` and `validation`.
        targets: What the heatmaps should be.
        run: Where it is written.
    """
    settings = config.training
    started = settings.imagenet and fau_net.load_imagenet(net, config.model)
    if started and settings.freeze_backbone_norms:
        fau_net.freeze_backbone_norms(net)
    run.say(f"   the backbone starts from {'ImageNet' if started else 'random'} weights")
    coded = parts["train"].labels(targets)
    steps = max(1, len(coded) // settings.batch_size)
    to_au = facs.centre_to_au(targets.aus, targets.rule)
    model = HeatmapRegressor(net, heatmap_loss(config, targets, coded))
    rate = WarmupPlateauDecay(
        settings.learning_rate, settings.epochs * steps, settings.warmup_steps, settings.decay_share
    )
    model.compile(optimizer=keras.optimizers.Adam(rate, clipnorm=settings.clip_norm))
    validation = parts["validation"].batches(targets, batch_size=64)
    history = History(run / HISTORY)
    judge = ValidationAgreement(
        net,
        lambda: predict_intensity(net, targets.codec, to_au, validation),
        parts["validation"].labels(targets),
        run / BEST,
    )
    model.fit(
        parts["train"].batches(
            targets, batch_size=settings.batch_size, seed=config.run.seed, augment=config.augment
        ),
        epochs=settings.epochs,
        steps_per_epoch=steps,
        verbose=0,
        shuffle=False,  # the data set does
        callbacks=[
            judge,
            history,
            Progress(settings.epochs, steps, settings.batch_size, run.say),
        ],
    )
    return history.rows


def fingerprint(config: Config, faces: Faces) -> str:
    """Return a hash of all that decides the trained weights: settings, faces, code, versions."""
    source = Path(fau_tf.__file__).parent
    code = [source / "facs.py", source / "codec.py"]
    for package in ("face", "data", "model", "training"):
        code += sorted((source / package).rglob("*.py"))
    digest = hashlib.sha256(dump_toml(config).encode())
    digest.update(json.dumps(versions()).encode() + faces.files[0].parent.name.encode())
    for file in code:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def mark_trained(config: Config, faces: Faces, run: RunFolder) -> None:
    """Note that best.keras is what these settings and faces give, and the seconds it took."""
    run.write_json(TRAINED, {"made_by": fingerprint(config, faces), "seconds": run.seconds})


def trained(
    config: Config, faces: Faces, run: RunFolder
) -> tuple[list[dict[str, float]], dict[str, float]] | None:
    """Return history and seconds of a finished training that this one would repeat, else None."""
    marker, best, history = run / TRAINED, run / BEST, run / HISTORY
    if not all(path.is_file() for path in (marker, best, history)):
        return None
    noted = json.loads(marker.read_text(encoding="utf-8"))
    if noted["made_by"] != fingerprint(config, faces):
        return None
    with history.open(newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return rows, noted["seconds"]


def clear(run: RunFolder) -> None:
    """Remove what an earlier training left, so that no file speaks of a network that is gone."""
    for pattern in (TRAINED, "metrics.json", "fau_*.tflite", "fau_*.json"):
        for path in run.path.glob(pattern):
            path.unlink()
