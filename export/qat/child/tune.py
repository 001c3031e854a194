"""Fine-tuning: the training's own loss on labels, and the step that validation people prefer."""

import sys
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras

from export.qat.child.job import Job, validation_icc
from export.qat.child.lighter import Learner
from fau_tf.training.losses import HeatmapLoss

_TARGETS: Final = ("heatmap", "gaussian", "weight", "intensity")
_VIEWS: Final = 4  # how often validation people are looked at, besides the start


def fine_tune(job: Job, learner: Learner) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """Return the weights with the best validation ICC, those of the start among them; and how."""
    settings = job.asked["settings"]
    images = job.array("image")
    size, epochs = settings["batch_size"], settings["epochs"]
    steps = epochs * (len(images) // size)
    rate = tf_keras.optimizers.schedules.PolynomialDecay(
        settings["learning_rate"],
        max(steps, 1),
        end_learning_rate=0.0,  # else 1e-4, more than it starts from
    )
    step = _step(job, learner, tf_keras.optimizers.Adam(rate, clipnorm=settings["clip_norm"]))
    best, history = learner.weights(), [{"step": 0, "icc": validation_icc(job, learner.model)}]
    say(f"before: ICC {history[0]['icc']:.4f} on validation people")
    views = {round(steps * (view + 1) / _VIEWS) for view in range(_VIEWS)}
    losses: list[float] = []
    for number, chosen in enumerate(_batches(len(images), size, epochs, job.asked["seed"]), 1):
        targets = {name: tf.constant(job.array(name)[chosen], tf.float32) for name in _TARGETS}
        learner.before_step()
        losses.append(float(step(tf.constant(images[chosen], tf.float32), targets)))
        if number in views:
            entry = {
                "step": number,
                "loss": float(np.mean(losses)),
                "icc": validation_icc(job, learner.model),
            }
            if entry["icc"] > max(row["icc"] for row in history):
                best = learner.weights()
            history.append(entry)
            losses = []
            say(f"step {number}/{steps}: loss {entry['loss']:.4f}, ICC {entry['icc']:.4f}")
    return best, history


def _batches(count: int, size: int, epochs: int, seed: int) -> Iterator[npt.NDArray[np.intp]]:
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(count)
        for start in range(0, count - size + 1, size):
            yield np.sort(order[start : start + size])


def _step(job: Job, learner: Learner, optimizer: Any) -> Any:
    """Return the function that learns from one batch: the training's own loss, on labels."""
    asked = job.asked["loss"] | {"au_weight": np.array(job.asked["loss"]["au_weight"], np.float32)}
    loss = HeatmapLoss(codec=job.codec, to_au=job.to_au, **asked)
    learned = list(learner.learned)

    @tf.function
    def step(images: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(targets, learner.model(images, training=True))
        optimizer.apply_gradients(zip(tape.gradient(value, learned), learned, strict=True))
        return value

    return step


def say(line: str) -> None:
    """Print a line at once; `launch` passes it on."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
