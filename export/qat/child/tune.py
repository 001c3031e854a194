"""Fine-tuning with the training's loss; the step with the best validation ICC is kept."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import tensorflow as tf
import tf_keras

from export.qat.child import twin
from export.qat.child.job import Job, validation_icc
from fau_tf.training.losses import HeatmapLoss, PairLoss

_EVALUATIONS: Final = 4  # on validation subjects, besides the one at the start

Loss = Callable[[Any, Any], Any]
"""(images, targets) -> the training's loss of a batch."""


def fine_tune(job: Job, model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the weights with the best validation ICC, and `history` and `kept_step`.

    Args:
        job: Its arrays and settings.
        model: The rounding twin, (B, S, S, 3) -> (B, h, w, K); its start counts as a candidate.
    """
    settings, steps = job.asked["settings"], job.asked["batches"]
    rate = tf_keras.optimizers.schedules.PolynomialDecay(
        settings["learning_rate"],
        steps,
        end_learning_rate=0.0,  # the default, 1e-4, is above the initial rate
    )
    step = _step(job, model, tf_keras.optimizers.Adam(rate, clipnorm=settings["clip_norm"]))
    best, history = twin.get_weights(model), [_evaluated(job, model, 0)]
    losses: list[float] = []
    evaluations = {round(steps * (number + 1) / _EVALUATIONS) for number in range(_EVALUATIONS)}
    for number in range(1, steps + 1):
        losses.append(float(step(*job.batch(number - 1))))
        if number in evaluations:
            found = _evaluated(job, model, number) | {"training_loss": float(np.mean(losses))}
            if found["icc"] > max(row["icc"] for row in history):
                best = twin.get_weights(model)
            history.append(found)
            losses.clear()
    kept = max(history, key=lambda row: row["icc"])["step"]  # the first of equals, as `best`
    return best, {"history": history, "kept_step": kept}


def _evaluated(job: Job, model: Any, step: int) -> dict[str, float]:
    """Return the loss of the first batch, the same every time, and the validation ICC."""
    found = {"step": step, "loss": batch_loss(job, model), "icc": validation_icc(job, model)}
    steps = job.asked["batches"]
    print(
        f"   step {step}/{steps}: loss {found['loss']:.4f}, validation ICC {found['icc']:.4f}",
        flush=True,
    )
    return found


def batch_loss(job: Job, model: Any) -> float:
    """Return the loss of the first training batch."""
    return float(training_loss(job, model)(*job.batch(0)))


def training_loss(job: Job, model: Any) -> Loss:
    """Return the loss of the training, of a twin; batch norms don't learn, as they are folded."""
    common: dict[str, Any] = {"codec": job.codec, "to_au": job.to_au}
    losses: list[Any] = [HeatmapLoss(**common, **_arrays(job.asked["loss"]))]
    if job.asked["pair_loss"] is not None:
        losses.append(PairLoss(**common, **_arrays(job.asked["pair_loss"])))
    heatmaps = _heatmaps(model, job.asked["branches"])

    def loss(images: Any, targets: Any) -> Any:
        predicted = heatmaps(images)
        return sum(one(targets, maps) for maps in predicted for one in losses) / len(predicted)

    return loss


def _arrays(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        name: np.asarray(value, np.float32) if isinstance(value, list) else value
        for name, value in settings.items()
    }


def _heatmaps(model: Any, branches: list[str]) -> Callable[[Any], list[Any]]:
    """Return the function from images to the heatmaps that the training compares.

    They are those of each branch, as of `heatmap_net.branch_heatmaps`, or the network's.
    """
    if not branches:
        return lambda images: [model(images, training=True)]
    found = twin.layers(model)
    head = model.layers[-1]
    features = tf_keras.Model(model.input, head.input)
    widths = [found[name].output.shape[-1] for name in branches]
    count = len(widths)
    # The head is linear: a branch alone is what it gives for the maps of that branch.
    masks = count * np.repeat(np.eye(count, dtype=np.float32), widths, axis=1)
    # Keras 2 takes `training` only for layers that have it; of these, the toolkit's wrappers.
    phase = {} if head is twin.inner(head) else {"training": True}

    def heatmaps(images: Any) -> list[Any]:
        maps = features(images, training=True)
        return [head(maps * mask, **phase) for mask in masks]

    return heatmaps


def _step(job: Job, model: Any, optimizer: Any) -> Any:
    """Return the function that trains on one batch and returns its loss."""
    loss = training_loss(job, model)
    frozen = {row["name"] for row in job.rows if not row["trained"]}
    # Not `trainable_weights`, in which a toolkit wrapper lists some of them twice.
    trained = [
        variable
        for name, variable in twin.variables(model).items()
        if name.partition("/")[0] not in frozen
    ]

    @tf.function
    def step(images: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(images, targets)
        optimizer.apply_gradients(zip(tape.gradient(value, trained), trained, strict=True))
        return value

    return step
