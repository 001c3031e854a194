"""What happens around the steps of `fit` and is kept: agreement, history, checkpoints."""

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from fau_tf.metrics import agreement
from fau_tf.training.checkpoint import (
    Checkpoint,
    Progress,
    save,
    training_variables,
    written,
)
from fau_tf.training.nonfinite import hidden
from fau_tf.training.run_dir import write_text
from fau_tf.training.stopping import Stopped, StopRequest


class ValidationAgreement(keras.callbacks.Callback):
    """Adds ICC(3,1), MAE and PCC on validation people to the logs; keeps the best network.

    Args:
        net: The network to save, once `predict` has run.
        predict: Returns (N, A) predicted intensities of the validation people.
        coded: (N, A) coded intensities.
        best: Where the network with the highest mean ICC goes, whole or not at all.
        progress: Says what the highest was before, and is told.
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
        """Judge, log, save."""
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


class History(keras.callbacks.Callback):
    """Writes history.csv anew after each epoch: one row an epoch.

    Args:
        path: The file.
        progress: Has the rows of the epochs before; the new ones are added to them.
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


class Restore(keras.callbacks.Callback):
    """Gives all variables the values of a checkpoint, once, where `Model.fit` has set its own.

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
    """Counts steps, writes checkpoints, and ends the training where that was asked for.

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
            raise hidden(self.progress.step)
        self.saved = time.monotonic()
        if self.stop.signal:
            raise Stopped(
                f"stopped after step {self.progress.step}, saved in "
                f"{self.path or 'the folder of the chief'}; the same command goes on from there",
                self.stop.signal,
            )
