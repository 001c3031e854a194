"""From a network and its faces to the best checkpoint; interrupted trainings go on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from fau_tf.data.datasets import Subset
from fau_tf.data.portrait_pairs import load_pairs, mixed, pair_batches
from fau_tf.models import first_weights, heatmap_net
from fau_tf.training import run_state
from fau_tf.training.callbacks import (
    Checkpoints,
    History,
    KeepLast,
    ProgressBar,
    Restore,
    StopRequest,
    TensorBoardCurves,
    ValidationAgreement,
)
from fau_tf.training.checkpoint import Checkpoint, Progress
from fau_tf.training.config import Config, dump_toml
from fau_tf.training.distribution import ONE_DEVICE, Devices
from fau_tf.training.losses import HeatmapLoss, PairLoss
from fau_tf.training.model import HeatmapRegressor, NonFiniteError, diagnose_non_finite
from fau_tf.training.optimizer import CheckedAdam, is_non_finite, make_schedule
from fau_tf.training.predict import predict_intensity
from fau_tf.training.run_dir import RunDir
from fau_tf.training.run_state import Finished
from fau_tf.training.setup import (
    make_loss,
    make_pair_loss,
    make_targets,
    require_coded,
)


def train(
    net: keras.Model,
    config: Config,
    subsets: dict[str, Subset],
    run: RunDir,
    devices: Devices = ONE_DEVICE,
    *,
    fresh: bool = False,
) -> Finished:
    """Return the run's finished training: found in its folder, resumed, or new.

    Args:
        net: See `fit`.
        config: See `fit`.
        subsets: See `fit`.
        run: See `fit`.
        devices: See `fit`.
        fresh: Whether to train from the start, whatever the folder holds.

    Raises:
        CheckpointError: If the folder holds a training of other settings, finished or not.
        Stopped, NonFiniteError: See `fit`.
    """
    faces = subsets["train"].faces
    done = None if fresh else run_state.finished(config, faces, run.path)
    if done:
        run.log(f"   {run / run_state.BEST} is there already; --fresh trains again")
        run.reused_seconds = done.seconds
        return done
    after = None if fresh else run_state.unfinished(config, faces, run.path)
    if after is None and devices.chief:
        run_state.begin(config, run)
    progress = fit(net, config, subsets, run, after=after, devices=devices)
    if devices.chief:
        run_state.finish(config, faces, run, progress)
    return Finished(progress.rows, run.seconds, progress.resumed)


def fit(
    net: keras.Model,
    config: Config,
    subsets: dict[str, Subset],
    run: RunDir,
    *,
    after: Checkpoint | None = None,
    devices: Devices = ONE_DEVICE,
) -> Progress:
    """Train `net`; leave best.keras, history.csv and a checkpoint in the run's folder.

    Args:
        net: (B, S, S, 3) -> (B, h, w, K) heatmaps.
        config: Of the run.
        subsets: `train`, and `validation` where there are such subjects.
        run: Where the files go.
        after: Where an earlier session stopped. On a CPU the result is that of one session.
        devices: Where `net` was made; only the chief writes.

    Returns:
        Progress at the end, with the history.

    Raises:
        Stopped: After Ctrl-C or SIGTERM, with a checkpoint.
        NonFiniteError: When a loss or gradient isn't finite; the weights are as before the step.
        ValueError: When the device lacks a deterministic operator that the run asks for.
    """
    settings, train_faces = config.training, subsets["train"]
    devices.check(settings.batch_size)
    _start_backbone(net, config, run)
    coded = train_faces.labels(make_targets(config))
    require_coded(config, coded)
    steps = max(1, len(coded) // settings.batch_size)
    rate = make_schedule(settings, steps)
    pair_loss = make_pair_loss(config, coded)
    model = compiled(net, config, make_loss(config, coded), rate, devices, pair_loss)
    progress = _progress(config, train_faces, run, after, settings.epochs * steps)
    callbacks: list[keras.callbacks.Callback] = [Restore(after, steps)] if after else []
    if devices.chief:
        callbacks += _reports(model, config, subsets, run, progress, rate, steps)
    with (
        StopRequest(run.log) as stop,
        _explained_errors(model, config, train_faces, run, progress),
    ):
        callbacks.append(_checkpoints(config, run, progress, steps, devices, stop))
        _fit_legs(model, config, train_faces, progress.step, steps, devices, callbacks)
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
    rate: LearningRateSchedule | float,
    devices: Devices = ONE_DEVICE,
    pair_loss: PairLoss | None = None,
) -> keras.Model:
    """Return the model for `Model.fit`, its optimizer built."""
    settings = config.training
    if devices.replicas > 1:
        heatmap_net.synchronize_norms(net)
    with devices.scope():
        model = HeatmapRegressor(
            net,
            loss,
            pair_loss=pair_loss,
            weight_decay=settings.weight_decay,
            workers=devices.workers,
        )
        optimizer = CheckedAdam(
            rate,
            clipnorm=settings.clip_norm or None,
            slow=heatmap_net.backbone_variables(net),
            slow_factor=settings.backbone_rate_factor,
            use_ema=settings.ema > 0,
            ema_momentum=settings.ema,
        )
        if settings.precision == "mixed_float16":  # small gradients would be 0 in float16
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer=optimizer, jit_compile=settings.jit_compile)
        model.optimizer.build(model.trainable_variables)
    return model


def _start_backbone(net: keras.Model, config: Config, run: RunDir) -> None:
    """Give the backbone its first weights, and print which."""
    settings = config.training
    source = first_weights.load(
        net, config.model.backbone, imagenet=settings.imagenet, file=settings.weights
    )
    if source and settings.freeze_backbone_norms:
        heatmap_net.freeze_backbone_norms(net)
    run.log(f"   the backbone starts from {source or 'random weights'}")


def _progress(
    config: Config, subset: Subset, run: RunDir, after: Checkpoint | None, steps: int
) -> Progress:
    if after is None:
        return Progress(run_state.fingerprint(config, subset.faces), dump_toml(config))
    step = after.progress.step
    run.log(f"   goes on after step {step} of {steps}")
    return replace(after.progress, resumed=[*after.progress.resumed, step])


def _fit_legs(
    model: keras.Model,
    config: Config,
    subset: Subset,
    done: int,
    steps: int,
    devices: Devices,
    callbacks: list[keras.callbacks.Callback],
) -> None:
    settings = config.training
    for start, epochs, count in legs(done, settings.epochs, steps):
        batches = partial(training_batches, config, subset, start)
        model.fit(
            devices.share(batches, settings.batch_size),
            initial_epoch=start // steps,
            epochs=epochs,
            steps_per_epoch=count,
            verbose=0,
            shuffle=False,  # the data set does
            callbacks=callbacks,
        )


def training_batches(
    config: Config, subset: Subset, start: int = 0, share: tuple[int, int] = (0, 1)
) -> tf.data.Dataset:
    """Return the endless batches of (image, targets) of a training, portraits among them.

    Args:
        config: Of the run.
        subset: The training faces.
        start: Batches to skip.
        share: Number of this worker, counted from 0, and of all workers.
    """
    targets, data, seed = make_targets(config), config.data, config.run.seed
    portraits = config.portraits_per_batch
    faces = config.training.batch_size - portraits
    pairs = None
    if portraits:
        source = load_pairs(data.portraits, record_size=data.record_size, seed=config.data_seed)
        pairs = pair_batches(
            source, targets, batch_size=portraits, seed=seed, augment=config.augment, start=start
        )
    if pairs is not None and not faces:
        return pairs
    stream = subset.batches(
        targets, batch_size=faces, seed=seed, augment=config.augment, start=start, share=share
    )
    return stream if pairs is None else mixed(stream, pairs)


def _reports(
    model: HeatmapRegressor,
    config: Config,
    subsets: dict[str, Subset],
    run: RunDir,
    progress: Progress,
    rate: LearningRateSchedule,
    steps: int,
) -> list[keras.callbacks.Callback]:
    """Return the callbacks that report, in the order in which an epoch's figures come about."""
    settings = config.training
    if "validation" in subsets:
        kept = _validation(model, config, subsets["validation"], run, progress)
    else:
        run.log("   without validation subjects, the network of the last epoch is kept")
        kept = KeepLast(_kept_network(model, config), run / run_state.BEST)
    return [
        kept,
        History(run / run_state.HISTORY, progress, rate),
        TensorBoardCurves(run / run_state.EVENTS, progress, rate),
        ProgressBar(settings.epochs, steps, settings.batch_size, progress.step, run.log),
    ]


def _checkpoints(
    config: Config,
    run: RunDir,
    progress: Progress,
    steps: int,
    devices: Devices,
    stop: StopRequest,
) -> Checkpoints:
    """Return the callback that saves; of many workers only the chief, at the ends of epochs."""
    file = run / run_state.CHECKPOINT if devices.chief else None
    seconds = config.training.checkpoint_seconds if devices.workers == 1 else None
    return Checkpoints(file, progress, steps, seconds, stop)


def _kept_network(model: HeatmapRegressor, config: Config) -> Callable[[], keras.Model]:
    """Return a function of the network as it is kept: in float32, on one device, averaged."""
    settings, net = config.training, model.net
    same = settings.precision == "float32" and settings.strategy == "none" and not settings.ema
    plain = net if same else heatmap_net.build(config.model)

    def refresh() -> keras.Model:
        if settings.ema:
            plain.set_weights([np.asarray(one) for one in model.optimizer.averaged(net.weights)])
        elif plain is not net:
            plain.set_weights(net.get_weights())
        return plain

    return refresh


def _validation(
    model: HeatmapRegressor, config: Config, subset: Subset, run: RunDir, progress: Progress
) -> ValidationAgreement:
    """Return the callback that evaluates on validation subjects and keeps the best network."""
    targets = make_targets(config)
    batches = subset.batches(targets, batch_size=64)
    refresh = _kept_network(model, config)

    def predict() -> npt.NDArray[np.float32]:
        return predict_intensity(refresh(), config.model, batches)

    coded = subset.labels(targets)
    return ValidationAgreement(refresh(), predict, coded, run / run_state.BEST, progress)


@contextmanager
def _explained_errors(
    model: HeatmapRegressor, config: Config, subset: Subset, run: RunDir, progress: Progress
) -> Iterator[None]:
    """Raise TensorFlow's errors as ones that name cause and way out, where they are known."""
    try:
        yield
    except tf.errors.OpError as error:
        if is_non_finite(error):
            raise _diagnosis(model, config, subset, run, progress) from error
        _require_implemented(error, config)
        raise


def _require_implemented(error: tf.errors.OpError, config: Config) -> None:
    """Raise ValueError with the way out if the device lacks a deterministic operator."""
    if isinstance(error, tf.errors.UnimplementedError) and config.training.deterministic:
        raise ValueError(
            "`training.deterministic` = true needs operators that compute the same bits every "
            f"time, and this device lacks one: {' '.join(error.message.split())[:300]} Give --set "
            "training.deterministic=false"
        ) from error


def _diagnosis(
    model: HeatmapRegressor, config: Config, subset: Subset, run: RunDir, progress: Progress
) -> NonFiniteError:
    step = progress.step
    batch = next(iter(training_batches(config, subset, step)))
    portraits = config.portraits_per_batch
    faces = config.training.batch_size - portraits
    sources = subset.sources(step, batch_size=faces, seed=config.run.seed) if faces else []
    sources += [f"{portraits} edited portraits"] if portraits else []
    where = f"step {step + 1}, epoch {len(progress.rows) + 1}"
    file = run / f"nonfinite_step{step + 1:06d}.npz"
    return diagnose_non_finite(model, batch, sources, where, file)
