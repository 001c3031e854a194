"""Keras callbacks of `fit`: validation, history, checkpoints, progress; and the stop request."""

import csv
import io
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from fau_tf.metrics import agreement
from fau_tf.training.checkpoint import (
    Checkpoint,
    Progress,
    save,
    training_variables,
    written,
)
from fau_tf.training.model import NonFiniteError
from fau_tf.training.run_dir import write_text

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """Training ended early on a signal; a checkpoint was written.

    Args:
        message: What was saved, and how to go on.
        number: Of the signal.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + number


class StopRequest(AbstractContextManager["StopRequest"]):
    """Notes the first Ctrl-C or SIGTERM; a second one ends the process at once, as without this.

    Args:
        log: Prints a line.

    Attributes:
        signal: Number of the signal that came, or None.
    """

    def __init__(self, log: Callable[[str], None]) -> None:
        self.signal: int | None = None
        self._log = log
        self._before: dict[int, Any] = {s: signal.signal(s, self._note) for s in _SIGNALS}

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.signal = number
        self._restore_handlers()
        self._log("   stopping after this step; the signal again stops at once")

    def _restore_handlers(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __exit__(self, *_: object) -> None:
        self._restore_handlers()


class ValidationAgreement(keras.callbacks.Callback):
    """Adds ICC(3,1), MAE and PCC on the validation subjects to the logs; keeps the best network.

    Args:
        net: The network to save, once `predict` has run.
        predict: Returns (N, A) predicted intensities of the validation faces.
        coded: (N, A) coded intensities.
        best: File for the network with the highest mean ICC, written whole or not at all.
        progress: Holds the highest mean ICC so far; updated.
    """

    def __init__(
        self,
        net: keras.Model,
        predict: Callable[[], npt.NDArray[np.float32]],
        coded: npt.NDArray[np.float32],
        best: Path,
        progress: Progress,
    ) -> None:
        super().__init__()
        self.net, self.predict, self.coded, self.best = net, predict, coded, best
        self.progress = progress

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluate, log, save."""
        del epoch
        labels = [str(a) for a in range(self.coded.shape[1])]
        mean = agreement.summary(self.coded, self.predict(), labels)["mean"]
        if logs is not None:
            logs.update({f"val_{name}": mean[name] for name in ("icc", "mae", "pcc")})
        before = self.progress.best_icc
        # The first epoch always saves, and what follows an ICC that is NaN.
        if before is None or not np.isfinite(before) or mean["icc"] > before:
            self.progress.best_icc = float(mean["icc"])
            with written(self.best) as unfinished:
                self.net.save(unfinished)


class KeepLast(keras.callbacks.Callback):
    """Keeps the network of the last epoch, where no validation subjects choose the best one.

    Args:
        refresh: Returns the network to save, as it is now.
        path: File for it, written whole or not at all.
    """

    def __init__(self, refresh: Callable[[], keras.Model], path: Path) -> None:
        super().__init__()
        self.refresh, self.path = refresh, path

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save."""
        del epoch, logs
        with written(self.path) as unfinished:
            self.refresh().save(unfinished)


class History(keras.callbacks.Callback):
    """Writes history.csv anew after each epoch, one row an epoch.

    Args:
        path: The file.
        progress: Holds the rows of earlier epochs; new ones are added.
        rate: Step -> learning rate.
    """

    def __init__(self, path: Path, progress: Progress, rate: Callable[[int], Any]) -> None:
        super().__init__()
        self.path, self.progress, self.rate = path, progress, rate

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add a row."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        rate = float(self.rate(self.progress.step))
        rows = self.progress.rows
        rows.append({"epoch": epoch + 1, **figures, "learning_rate": rate})
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.path, text.getvalue())


class TensorBoardCurves(keras.callbacks.Callback):
    """Writes loss, error, agreement and learning rate for TensorBoard, by optimizer step.

    Unlike `keras.callbacks.TensorBoard` it goes on at the step of a resumed training.

    Args:
        folder: Of the event files.
        progress: Holds the step.
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


class ProgressBar(keras.callbacks.Callback):
    """Shows a bar over the steps of each epoch, and prints a line of figures at its end.

    Args:
        epochs: Of the run.
        steps: Per epoch.
        batch_size: Images a step.
        done: Steps that earlier sessions did.
        log: Prints a line.
    """

    def __init__(
        self, epochs: int, steps: int, batch_size: int, done: int, log: Callable[[str], None]
    ) -> None:
        super().__init__()
        self.epochs, self.steps, self.batch_size, self.log = epochs, steps, batch_size, log
        self.step = done

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Open the epoch's bar."""
        del logs
        self.began, self.began_at = time.monotonic(), self.step
        self.bar = tqdm(
            total=self.steps,
            initial=self.step - epoch * self.steps,
            desc=f"epoch {epoch + 1}/{self.epochs}",
            unit="step",
            leave=False,
            disable=None,  # none without a terminal: a log file gets the line at the epoch's end
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        self.step += 1
        self.bar.update()
        if logs and (batch + 1) % 10 == 0:
            self.bar.set_postfix(loss=f"{logs['loss']:.4f}", mae=f"{logs['mae']:.3f}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the epoch's figures and the time left."""
        self.bar.close()
        steps_per_second = (self.step - self.began_at) / (time.monotonic() - self.began)
        left = (self.epochs * self.steps - self.step) / steps_per_second
        figures = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        self.log(
            f"epoch {epoch + 1}/{self.epochs}  {figures}  "
            f"{steps_per_second * self.batch_size:.0f} images/s  {left:.0f} s left"
        )


class Restore(keras.callbacks.Callback):
    """Gives all variables the values of a checkpoint, once, after `Model.fit` has set its own.

    Args:
        after: The checkpoint.
        steps: Per epoch.
    """

    def __init__(self, after: Checkpoint, steps: int) -> None:
        super().__init__()
        self.after: Checkpoint | None = after
        self.steps = steps

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Restore; of a begun epoch also the running metrics, which were just set to zero."""
        del epoch, logs
        if self.after is None:
            return
        self.after.restore(training_variables(self.model))
        if self.after.progress.step % self.steps == 0:
            self.model.reset_metrics()
        self.after = None


class Checkpoints(keras.callbacks.Callback):
    """Counts steps, writes checkpoints, and ends the training on a stop request.

    Must come after what an epoch's end changes: agreement and history.

    Args:
        path: The file; None where another worker writes.
        progress: Counted on here.
        steps: Per epoch.
        every: Seconds between checkpoints; an epoch's end writes one anyway. None: only there,
            since many workers read their variables together.
        stop: Says whether to end.
    """

    def __init__(
        self,
        path: Path | None,
        progress: Progress,
        steps: int,
        every: float | None,
        stop: StopRequest,
    ) -> None:
        super().__init__()
        self.path, self.progress, self.steps = path, progress, steps
        self.every, self.stop = every, stop
        self.saved = self.counted = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count; save where it is time to."""
        del batch, logs
        self.progress.step += 1
        # The last step of an epoch is saved with what the epoch's end adds.
        if self.every is None or self.progress.step % self.steps == 0:
            return
        if self.stop.signal or time.monotonic() - self.saved >= self.every:
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Save."""
        del epoch, logs
        self._save()

    def _save(self) -> None:
        now = time.monotonic()
        self.progress.seconds += now - self.counted
        self.counted = now
        if not save(self.path, self.progress, training_variables(self.model)):
            # XLA compiles `require_finite` away.
            raise NonFiniteError(
                f"A weight is not finite after step {self.progress.step}; the checkpoint from "
                "before is kept. Give --set training.jit_compile=false --fresh to learn the step, "
                "the records and the layer."
            )
        self.saved = time.monotonic()
        if self.stop.signal:
            raise Stopped(
                f"stopped after step {self.progress.step}, saved in "
                f"{self.path or 'the folder of the chief'}; the same command goes on from there",
                self.stop.signal,
            )
