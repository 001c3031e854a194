"""From a network and its faces to the best checkpoint."""

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fau_tf import facs
from fau_tf.data.config import SYNTHETIC
from fau_tf.data.datasets import FaceDataset, Subset, prepare_real, prepare_synthetic
from fau_tf.data.pipeline import Targets
from fau_tf.data.splits import Fold, make_folds
from fau_tf.data.synthetic_set import SyntheticSet, rig_of
from fau_tf.models import heatmap_net
from fau_tf.training import run_state
from fau_tf.training.callbacks import Checkpoints, History, Restore, ValidationAgreement
from fau_tf.training.checkpoint import Checkpoint, Progress
from fau_tf.training.config import Config, dump_toml
from fau_tf.training.display import Display, Summaries
from fau_tf.training.distribution import ONE_DEVICE, Devices
from fau_tf.training.losses import HeatmapLoss, au_weights, level_weights
from fau_tf.training.model import HeatmapRegressor
from fau_tf.training.nonfinite import CheckedAdam, NonFiniteError, explain, is_non_finite
from fau_tf.training.optimizer import WarmupPlateauDecay
from fau_tf.training.predict import predict_intensity
from fau_tf.training.run_dir import RunDir
from fau_tf.training.stopping import StopRequest


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


def network(config: Config, devices: Devices = ONE_DEVICE) -> keras.Model:
    """Return the run's network with random weights; it computes in `training.precision`.

    Its weights are float32 in any case, and best.keras computes in float32.
    """
    keras.config.set_dtype_policy(config.training.precision)
    try:
        with devices.scope():
            return heatmap_net.build(config.model)
    finally:
        keras.config.set_dtype_policy("float32")


def prepare(config: Config, folder: Path, run: RunDir) -> FaceDataset:
    """Return the run's faces, generated or prepared if they aren't there yet."""
    data = config.data
    if data.dataset != SYNTHETIC:
        return prepare_real(data, folder, log=run.say)
    settings = SyntheticSet.of(data, config.data_seed)
    return prepare_synthetic(
        settings, folder, processes=data.processes or os.cpu_count() or 1, log=run.say
    )


def folds(config: Config, faces: FaceDataset) -> list[Fold]:
    """Return the folds of the protocol; people of `data.train_rigs` alone teach and choose."""
    data = config.data
    made = make_folds(
        data.protocol,
        faces.subjects,
        seed=config.data_seed,
        validation_fraction=data.validation_fraction,
        custom=data.folds,
    )
    if data.dataset != SYNTHETIC or not data.train_rigs:
        return made
    return [
        fold.restrict_training(lambda one: rig_of(one, data.rigs) in data.train_rigs)
        for fold in made
    ]


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
        to_au=facs.center_to_au(targets.aus, targets.rule),
        au_weight=au_weights(coded, settings.au_balance),
        floor=settings.background_weight,
        foreground=settings.foreground_weight,
        decoded=settings.intensity_weight,
        level_weight=level_weights(coded, settings.level_balance),
    )


def fit(
    net: keras.Model,
    config: Config,
    parts: dict[str, Subset],
    targets: Targets,
    run: RunDir,
    *,
    after: Checkpoint | None = None,
    devices: Devices = ONE_DEVICE,
) -> Progress:
    """Train `net`; leave best.keras and history.csv in the run's folder.

    Args:
        net: (B, S, S, 3) -> (B, h, w, K) heatmaps.
        config: Of the run.
        parts: `train` and `validation`.
        targets: What the heatmaps should be.
        run: Where it is written; `session.CHECKPOINT` too.
        after: Where an earlier session stopped. On a CPU the rest is what it would have been.
        devices: Where `net` was made; only the chief writes.

    Returns:
        Progress at the end, with the history.

    Raises:
        Stopped: After Ctrl-C or SIGTERM, with a checkpoint.
        NonFiniteError: When a loss or gradient isn't finite; the weights are not yet spoiled.
    """
    settings = config.training
    devices.check(settings.batch_size)
    _start(net, config, run)
    coded = parts["train"].labels(targets)
    steps = max(1, len(coded) // settings.batch_size)
    rate = WarmupPlateauDecay(
        settings.learning_rate,
        settings.epochs * steps,
        settings.warmup_steps,
        settings.decay_fraction,
    )
    loss = heatmap_loss(config, targets, coded)
    model = compiled(net, config, loss, rate, devices)
    if after is None:
        faces = parts["train"].faces
        progress = Progress(run_state.fingerprint(config, faces), dump_toml(config))
    else:
        progress = replace(after.progress, resumed=[*after.progress.resumed, after.progress.step])
        run.say(f"   goes on after step {progress.step} of {settings.epochs * steps}")
    with StopRequest(run.say) as stop:
        callbacks = [
            *([Restore(after, steps)] if after else []),
            *(_reports(net, config, parts, targets, run, progress, rate) if devices.chief else []),
            Checkpoints(
                run / run_state.CHECKPOINT if devices.chief else None,
                progress,
                steps,
                settings.checkpoint_seconds if devices.workers == 1 else None,
                stop,
            ),
        ]
        try:
            for start, epochs, count in legs(progress.step, settings.epochs, steps):
                model.fit(
                    devices.share(
                        partial(_batches, config, parts["train"], targets, start),
                        settings.batch_size,
                    ),
                    initial_epoch=start // steps,
                    epochs=epochs,
                    steps_per_epoch=count,
                    verbose=0,
                    shuffle=False,  # the data set does
                    callbacks=callbacks,
                )
        except tf.errors.InvalidArgumentError as error:
            if not is_non_finite(error):
                raise
            raise _explained(model, config, parts["train"], targets, run, progress) from error
    return progress


def legs(done: int, epochs: int, steps: int) -> Iterator[tuple[int, int, int]]:
    """Yield (first step, last epoch + 1, steps an epoch) of the calls of `Model.fit` that are left.

    Keras begins at the start of an epoch; what is left of a begun one is a call of its own.

    Args:
        done: Steps done.
        epochs: Of the run.
        steps: Per epoch.
    """
    epoch, within = divmod(done, steps)
    if within:
        yield done, epoch + 1, steps - within
        epoch += 1
    if epoch < epochs:
        yield epoch * steps, epochs, steps


def compiled(
    net: keras.Model,
    config: Config,
    loss: HeatmapLoss,
    rate: WarmupPlateauDecay | float,
    devices: Devices = ONE_DEVICE,
) -> keras.Model:
    """Return what `Model.fit` trains, its optimizer built."""
    settings = config.training
    if devices.replicas > 1:
        heatmap_net.synchronize_norms(net)
    with devices.scope():
        model = HeatmapRegressor(net, loss, workers=devices.workers)
        optimizer = CheckedAdam(
            rate,
            clipnorm=settings.clip_norm,
            slow=heatmap_net.backbone_variables(net),
            share=settings.backbone_rate_factor,
        )
        if settings.precision == "mixed_float16":  # small gradients would be 0 in float16
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer=optimizer, jit_compile=settings.jit_compile)
        model.optimizer.build(model.trainable_variables)
    return model


def _start(net: keras.Model, config: Config, run: RunDir) -> None:
    """Give the backbone its first weights, and say which."""
    started = config.training.imagenet and heatmap_net.load_imagenet(net, config.model)
    if started and config.training.freeze_backbone_norms:
        heatmap_net.freeze_backbone_norms(net)
    run.say(f"   the backbone starts from {'ImageNet' if started else 'random'} weights")


def _batches(
    config: Config, part: Subset, targets: Targets, start: int, share: tuple[int, int] = (0, 1)
) -> tf.data.Dataset:
    return part.batches(
        targets,
        batch_size=config.training.batch_size,
        seed=config.run.seed,
        augment=config.augment,
        start=start,
        share=share,
    )


def _reports(
    net: keras.Model,
    config: Config,
    parts: dict[str, Subset],
    targets: Targets,
    run: RunDir,
    progress: Progress,
    rate: WarmupPlateauDecay,
) -> list[keras.callbacks.Callback]:
    """Return what judges, notes and shows, in the order in which an epoch's figures come about."""
    settings = config.training
    steps = rate.total_steps // settings.epochs
    return [
        _judge(net, config, parts["validation"], targets, run / run_state.BEST, progress),
        History(run / run_state.HISTORY, progress, rate),
        Summaries(run / run_state.EVENTS, progress, rate),
        Display(settings.epochs, steps, settings.batch_size, progress.step, run.say),
    ]


def _judge(
    net: keras.Model,
    config: Config,
    part: Subset,
    targets: Targets,
    best: Path,
    progress: Progress,
) -> ValidationAgreement:
    """Return the callback that judges on validation people and keeps the best network."""
    validation = part.batches(targets, batch_size=64)
    # What is judged is what is kept: it computes in float32, on one device.
    same = config.training.precision == "float32" and config.training.strategy == "none"
    plain = net if same else heatmap_net.build(config.model)

    def predict() -> npt.NDArray[np.float32]:
        if plain is not net:
            plain.set_weights(net.get_weights())
        return predict_intensity(plain, config.model, validation)

    return ValidationAgreement(plain, predict, part.labels(targets), best, progress)


def _explained(
    model: keras.Model,
    config: Config,
    part: Subset,
    targets: Targets,
    run: RunDir,
    progress: Progress,
) -> NonFiniteError:
    step = progress.step
    batch = next(iter(_batches(config, part, targets, step)))
    sources = part.sources(step, batch_size=config.training.batch_size, seed=config.run.seed)
    where = f"step {step + 1}, epoch {len(progress.rows) + 1}"
    return explain(model, batch, sources, where, run / f"nonfinite_step{step + 1:06d}.npz")
