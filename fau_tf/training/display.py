"""What is shown of a training while it runs: a bar and lines here, curves in TensorBoard."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from fau_tf.training.checkpoint import Progress


class Display(keras.callbacks.Callback):
    """Shows steps, images a second and time left, and one line of figures an epoch.

    Args:
        epochs: Of the run.
        steps: Per epoch.
        batch_size: Images a step.
        done: Steps that earlier sessions did.
        say: Prints a line.
    """

    def __init__(
        self, epochs: int, steps: int, batch_size: int, done: int, say: Callable[[str], None]
    ) -> None:
        super().__init__()
        self.epochs, self.steps, self.batch_size, self.say = epochs, steps, batch_size, say
        self.first = self.step = done
        self.started = time.monotonic()
        self.began, self.began_at = self.started, done

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Open the epoch's bar."""
        del logs
        self.began, self.began_at = time.monotonic(), self.step
        # In a log file (no terminal) there is no bar, only the line at the epoch's end.
        self.bar = tqdm(
            total=self.steps,
            initial=self.step - epoch * self.steps,
            desc=f"epoch {epoch + 1}/{self.epochs}",
            unit="step",
            leave=False,
            disable=None,
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        self.step += 1
        self.bar.update()
        if logs and (batch + 1) % 10 == 0:
            self.bar.set_postfix(loss=f"{logs['loss']:.4f}", mae=f"{logs['mae']:.3f}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Say the epoch's figures and the time left."""
        self.bar.close()
        now = time.monotonic()
        rate = (self.step - self.began_at) * self.batch_size / (now - self.began)
        left = (now - self.started) / (self.step - self.first)
        left *= self.epochs * self.steps - self.step
        figures = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        self.say(
            f"epoch {epoch + 1}/{self.epochs}  {figures}  {rate:.0f} images/s  {left:.0f} s left"
        )


class Summaries(keras.callbacks.Callback):
    """Writes loss, error, agreement and learning rate for TensorBoard, by optimizer step.

    Args:
        folder: Of the event files.
        progress: Says the step.
        rate: Step -> learning rate.
        every: Steps between two points of a curve.
    """

    def __init__(
        self, folder: Path, progress: Progress, rate: Callable[[int], Any], every: int = 10
    ) -> None:
        super().__init__()
        self.progress, self.rate, self.every = progress, rate, every
        self.writer = tf.summary.create_file_writer(str(folder))

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Add a point to the curves of the running epoch."""
        del batch
        if self.progress.step % self.every == 0:
            rate = float(self.rate(self.progress.step))
            self._write("step", {**(logs or {}), "learning_rate": rate})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add a point to the curves of epochs."""
        del epoch
        self._write("epoch", logs or {})
        self.writer.flush()

    def _write(self, group: str, figures: dict[str, Any]) -> None:
        with self.writer.as_default(step=self.progress.step):
            for name, value in figures.items():
                tf.summary.scalar(f"{group}/{name}", float(np.mean(value)))
