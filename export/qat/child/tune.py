"""Fine-tuning with the training's loss; the step with the best validation ICC is kept."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras

from export.qat.child import twin
from export.qat.child.job import Job, validation_icc
from fau_tf.training.losses import HeatmapLoss

_TARGETS: Final = ("heatmap", "gaussian", "weight", "intensity")
_EVALUATIONS: Final = 4  # on validation subjects, besides the one at the start


def fine_tune(job: Job, model: Any) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """Return the weights with the best validation ICC, and the history of the evaluations.

    Args:
        job: Its arrays and settings.
        model: The rounding twin, (B, S, S, 3) -> (B, h, w, K); its start counts as a candidate.
    """
    settings = job.asked["settings"]
    images = job.array("image")
    size, epochs = settings["batch_size"], settings["epochs"]
    steps = epochs * (len(images) // size)
    rate = tf_keras.optimizers.schedules.PolynomialDecay(
        settings["learning_rate"],
        max(steps, 1),
        end_learning_rate=0.0,  # the default, 1e-4, is above the initial rate
    )
    step = _step(job, model, tf_keras.optimizers.Adam(rate, clipnorm=settings["clip_norm"]))
    best, history = twin.get_weights(model), [{"step": 0, "icc": validation_icc(job, model)}]
    print(f"   before: ICC {history[0]['icc']:.4f} on validation subjects", flush=True)
    evaluations = {round(steps * (number + 1) / _EVALUATIONS) for number in range(_EVALUATIONS)}
    losses: list[float] = []
    for number, chosen in enumerate(_batches(len(images), size, epochs, job.asked["seed"]), 1):
        targets = {name: tf.constant(job.array(name)[chosen], tf.float32) for name in _TARGETS}
        losses.append(float(step(tf.constant(images[chosen], tf.float32), targets)))
        if number in evaluations:
            icc = validation_icc(job, model)
            if icc > max(row["icc"] for row in history):
                best = twin.get_weights(model)
            history.append({"step": number, "loss": float(np.mean(losses)), "icc": icc})
            losses = []
            print(
                f"   step {number}/{steps}: loss {history[-1]['loss']:.4f}, ICC {icc:.4f}",
                flush=True,
            )
    return best, history


def _batches(count: int, size: int, epochs: int, seed: int) -> Iterator[npt.NDArray[np.intp]]:
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(count)
        for start in range(0, count - size + 1, size):
            yield np.sort(order[start : start + size])


def _step(job: Job, model: Any, optimizer: Any) -> Any:
    """Return the function that trains on one batch and returns its loss."""
    arrays = {
        name: None if job.asked["loss"][name] is None else np.float32(job.asked["loss"][name])
        for name in ("au_weight", "level_weight")
    }
    loss = HeatmapLoss(codec=job.codec, to_au=job.to_au, **(job.asked["loss"] | arrays))
    # Not `trainable_weights`, in which a toolkit wrapper lists some of them twice.
    trained = list(twin.variables(model).values())

    @tf.function
    def step(images: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(targets, model(images, training=True))
        optimizer.apply_gradients(zip(tape.gradient(value, trained), trained, strict=True))
        return value

    return step
