"""Everything that a run needs before it trains: determinism, faces, subsets, targets, network."""

import os
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fau_tf.data import datasets, splits
from fau_tf.data.config import SYNTHETIC
from fau_tf.data.datasets import FaceDataset, Subset
from fau_tf.data.pipeline import Targets
from fau_tf.data.splits import Fold
from fau_tf.data.synthetic_set import SyntheticSet, rig_of
from fau_tf.models import first_weights, heatmap_net
from fau_tf.training.config import Config
from fau_tf.training.distribution import ONE_DEVICE, Devices
from fau_tf.training.losses import HeatmapLoss, PairLoss, au_weights, level_weights


def make_deterministic(config: Config) -> None:
    """Seed everything, and make TensorFlow compute the same bits every time on a CPU."""
    threads = tf.config.threading
    if threads.get_intra_op_parallelism_threads() != config.training.threads:
        threads.set_intra_op_parallelism_threads(config.training.threads)
    # One operator at a time: the sum of three gradients starts with whichever buffer is free by
    # then, and float sums depend on their order. The input pipeline has threads of its own.
    if threads.get_inter_op_parallelism_threads() != 1:
        threads.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(config.run.seed)
    tf.config.experimental.enable_op_determinism()


def require_first_weights(config: Config) -> None:
    """Raise ValueError unless the weights that the backbone shall start from are there."""
    settings = config.training
    first_weights.require_first_weights(
        config.model.backbone, imagenet=settings.imagenet, file=settings.weights
    )


def prepare_faces(config: Config, folder: Path, log: Callable[[str], None]) -> FaceDataset:
    """Return the run's faces, rendered or prepared now if they aren't in `folder` yet."""
    data = config.data
    if data.dataset != SYNTHETIC:
        return datasets.prepare_real(data, folder, log=log)
    settings = SyntheticSet.of(data, config.data_seed)
    processes = data.processes or os.cpu_count() or 1
    return datasets.prepare_synthetic(settings, folder, processes=processes, log=log)


def make_folds(config: Config, faces: FaceDataset) -> list[Fold]:
    """Return the folds of the protocol, trained and validated on `data.train_rigs` only."""
    data = config.data
    folds = splits.make_folds(
        data.protocol,
        faces.subjects,
        seed=config.data_seed,
        validation_fraction=data.validation_fraction,
        custom=data.folds,
    )
    if data.dataset != SYNTHETIC or not data.train_rigs:
        return folds
    return [
        fold.restrict_training(lambda one: rig_of(one, data.rigs) in data.train_rigs)
        for fold in folds
    ]


def make_subsets(config: Config, faces: FaceDataset, fold: Fold) -> dict[str, Subset]:
    """Return the subsets `train`, `validation` and `test` of a fold."""
    found = datasets.subsets(faces, fold)
    fraction = config.data.neutral_fraction
    found["train"] = found["train"].subsample_neutral(make_targets(config), fraction)
    return found


def make_targets(config: Config) -> Targets:
    """Return what the run's heatmaps are trained towards."""
    spec = config.model
    return Targets(codec=spec.codec, aus=spec.au_numbers, rule=spec.rule)


def require_coded(config: Config, coded: npt.NDArray[np.float32]) -> None:
    """Raise ValueError unless some training face codes each AU of the network.

    Args:
        config: Of the run.
        coded: (N, A) intensities of the training faces; NaN where not coded.
    """
    spec = config.model
    known = [bool(np.isfinite(column).any()) for column in coded.T]
    never = [label for label, found in zip(spec.labels, known, strict=True) if not found]
    if never:
        numbers = [au for au, found in zip(spec.au_numbers, known, strict=True) if found]
        raise ValueError(
            f"`model.aus` must be AUs that the training faces code: none codes {', '.join(never)}, "
            f"whose intensities would be noise. Leave them out: --set model.aus={numbers}"
        )


def make_network(config: Config, devices: Devices = ONE_DEVICE) -> keras.Model:
    """Return the run's network with random weights; it computes in `training.precision`.

    Its weights are float32 in any case, and best.keras computes in float32.
    """
    keras.config.set_dtype_policy(config.training.precision)
    try:
        with devices.scope():
            return heatmap_net.build(config.model)
    finally:
        keras.config.set_dtype_policy("float32")


def make_loss(config: Config, coded: npt.NDArray[np.float32]) -> HeatmapLoss:
    """Return the run's loss.

    Args:
        config: Of the run.
        coded: (N, A) intensities of the training faces, for the weights of AUs and levels.
    """
    settings = config.training
    return HeatmapLoss(
        codec=config.model.codec,
        to_au=config.model.to_au,
        au_weight=au_weights(coded, settings.au_balance),
        background_weight=settings.background_weight,
        foreground_weight=settings.foreground_weight,
        intensity_weight=settings.intensity_weight,
        level_weight=level_weights(coded, settings.level_balance),
    )


def make_pair_loss(config: Config, coded: npt.NDArray[np.float32]) -> PairLoss | None:
    """Return the loss of edited portraits against their partners; None without portraits.

    Args:
        config: Of the run.
        coded: (N, A) intensities of the training faces, for the weights of AUs.
    """
    settings = config.training
    if not config.data.portraits:
        return None
    return PairLoss(
        codec=config.model.codec,
        to_au=config.model.to_au,
        au_weight=au_weights(coded, settings.au_balance),
        difference_weight=settings.difference_weight,
        ranking_weight=settings.ranking_weight,
    )


def portraits_per_batch(config: Config) -> int:
    """Return how many pictures of a batch are edited portraits: an even number."""
    if not config.data.portraits:
        return 0
    return 2 * round(config.training.batch_size * config.data.portrait_fraction / 2)
