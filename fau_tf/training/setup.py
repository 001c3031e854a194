"""Everything that a run needs before it trains: determinism, faces, subsets, targets, network."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fau_tf import facs
from fau_tf.data import datasets, splits
from fau_tf.data.config import SYNTHETIC
from fau_tf.data.datasets import FaceDataset, Subset
from fau_tf.data.pipeline import Targets
from fau_tf.data.splits import Fold
from fau_tf.data.synthetic_set import SyntheticSet, rig_of
from fau_tf.models import first_weights, heatmap_net
from fau_tf.models.presets import DATA_AUS
from fau_tf.training.config import Config
from fau_tf.training.distribution import ONE_DEVICE, Devices
from fau_tf.training.losses import HeatmapLoss, PairLoss, au_weights, level_weights


def make_deterministic(config: Config) -> None:
    """Seed everything, and make TensorFlow compute the same bits every time on a CPU.

    With `training.deterministic` = false TensorFlow chooses its operators and their order freely,
    which is faster on a GPU; a process that was deterministic before stays so.
    """
    threads = tf.config.threading
    if threads.get_intra_op_parallelism_threads() != config.training.threads:
        threads.set_intra_op_parallelism_threads(config.training.threads)
    keras.utils.set_random_seed(config.run.seed)
    if not config.training.deterministic:
        return
    # One operator at a time: the sum of three gradients starts with whichever buffer is free by
    # then, and float sums depend on their order. The input pipeline has threads of its own.
    if threads.get_inter_op_parallelism_threads() != 1:
        threads.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()


def require_network(config: Config) -> None:
    """Raise ValueError unless the network can be built and its first weights are there."""
    heatmap_net.check(config.model)
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


def make_seeds(config: Config, count: int) -> dict[str, Config]:
    """Return the settings of each seed, by its folder in the run: `seed1` for `run.seed` = 1.

    Only weights, order and augmentation differ: all seeds share the faces and the split of the
    first one.

    Args:
        config: Of the run.
        count: 1 or more; a single seed has no folder of its own and no name.

    Raises:
        ValueError: If the seed of the data can't be told from that of the run.
    """
    if count == 1:
        return {"": config}
    if not config.data_seed:
        raise ValueError(
            "Several seeds share faces and split, whose seed must be 1 or more. Received: "
            "`run.seed` = 0, `data.seed` = 0. Set data.seed."
        )
    data = replace(config.data, seed=config.data_seed)
    first = config.run.seed
    return {
        f"seed{seed}": replace(config, run=replace(config.run, seed=seed), data=data)
        for seed in range(first, first + count)
    }


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


def with_data_aus(
    config: Config, faces: FaceDataset, folds: Sequence[Fold], log: Callable[[str], None]
) -> Config:
    """Return the settings with the AUs of which every fold's training subjects have labels above 0.

    `model.aus` = "data" takes all of these; a set or list that names others is refused before the
    first fold trains.

    Raises:
        ValueError: If the training subjects of a fold have no label above 0, or none for an AU that
            is named.
    """
    if not faces.highest:  # synthetic faces
        return config
    shown = [_shown(faces, fold.subjects["train"], above=0.0) for fold in folds]
    if config.model.aus != DATA_AUS:
        for fold, aus in zip(folds, shown, strict=True):
            _require_shown(config, [au in aus for au in config.model.au_numbers], fold.name)
        return config
    every = set.intersection(*shown)
    left_out = _shown(faces, faces.subjects, above=-1.0) - every
    if left_out:
        names = ", ".join(facs.AUS[au].label for au in sorted(left_out))
        log(f"   left out, as the training faces of a fold never have them above 0: {names}")
    if not every:
        raise ValueError(
            f"`model.aus` = 'data': the training faces of {faces.name} must have an AU above 0. "
            "Received: none. Correct the labels or the folds."
        )
    log(f"   {len(every)} AUs: {', '.join(facs.AUS[au].label for au in sorted(every))}")
    return replace(config, model=replace(config.model, aus=tuple(sorted(every))))


def _shown(faces: FaceDataset, subjects: Sequence[str], *, above: float) -> set[int]:
    """Return the AUs that have a label above some intensity on a face of these subjects."""
    return {
        au
        for i, au in enumerate(facs.ALL)
        if any(faces.highest[subject][i] > above for subject in subjects)  # NaN is not coded
    }


def make_subsets(config: Config, faces: FaceDataset, fold: Fold) -> dict[str, Subset]:
    """Return the subsets `train`, `test` and, where the fold has such subjects, `validation`."""
    found = datasets.subsets(faces, fold)
    fraction = config.data.neutral_fraction
    found["train"] = found["train"].subsample_neutral(make_targets(config), fraction)
    return found


def comparison_faces(subsets: Mapping[str, Subset], log: Callable[[str], None]) -> Subset:
    """Return the faces on which exported files are compared with Keras.

    Those of validation subjects; without such subjects those of training subjects, which suffice to
    compare two computations of one network. Test faces serve the evaluation only.
    """
    if "validation" in subsets:
        return subsets["validation"]
    log("   files are compared with Keras on training faces: there are no validation subjects")
    return subsets["train"]


def make_targets(config: Config) -> Targets:
    """Return what the run's heatmaps are trained towards."""
    spec = config.model
    return Targets(codec=spec.codec, aus=spec.au_numbers, rule=spec.rule)


def require_coded(config: Config, coded: npt.NDArray[np.float32]) -> None:
    """Raise ValueError unless some training face has each AU of the network above 0.

    Args:
        config: Of the run.
        coded: (N, A) intensities of the training faces; NaN where not coded.
    """
    _require_shown(config, [bool((column > 0).any()) for column in coded.T], "")


def _require_shown(config: Config, shown: Sequence[bool], fold: str) -> None:
    """Raise ValueError unless the training faces have labels above 0 for each of the (A,) AUs."""
    if config.data.portraits:  # their edits show all AUs
        return
    spec = config.model
    never = [label for label, found in zip(spec.labels, shown, strict=True) if not found]
    if never:
        numbers = [au for au, found in zip(spec.au_numbers, shown, strict=True) if found]
        where = f" of {fold}" if fold else ""
        raise ValueError(
            f"`model.aus` must be AUs for which the training faces{where} have labels above 0. "
            f"There are none for {', '.join(never)}, whose intensities would be noise or 0. Leave "
            f"them out: --set model.aus={numbers}"
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
