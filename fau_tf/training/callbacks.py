"""What happens around the steps of `fit`: progress, agreement on validation people, history."""

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from fau_tf import agreement
from fau_tf.training.run_folder import write_text
from fau_tf.whole_file import replacing


class ValidationAgreement(keras.callbacks.Callback):
    """Adds ICC(3,1), MAE and PCC on validation people to the logs; keeps the best network.

    Args:
        net: The network to save.
        predict: Returns (N, A) predicted intensities of the validation people.
        coded: (N, A) coded intensities.
        best: Where the network with the highest mean ICC goes, whole or not at all.
    """

    def __init__(
        self,
        net: keras.Model,
        predict: Callable[[], npt.NDArray[np.float32]],
        coded: npt.NDArray[np.float32],
        best: Path,
    ) -> None:
        super().__init__()
        self.net, self.predict, self.coded, self.best = net, predict, coded, best
        self.best_icc = -np.inf

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Judge, log, save."""
        del epoch
        labels = [str(a) for a in range(self.coded.shape[1])]
        mean = agreement.summary(self.coded, self.predict(), labels)["mean"]
        if logs is not None:
            logs.update({f"val_{name}": mean[name] for name in ("icc", "mae", "pcc")})
        # The first epoch always saves: an older run's file must not survive a NaN.
        if mean["icc"] > self.best_icc or not np.isfinite(self.best_icc):
            self.best_icc = mean["icc"]
            with replacing(self.best) as unfinished:
                self.net.save(unfinished)


class Progress(keras.callbacks.Callback):
    """Shows steps, images a second and time left, and one line of figures an epoch.

    Args:
        epochs: Of the run.
        steps: Per epoch.
        batch_size: Images a step.
        say: Prints a line.
    """

    def __init__(
        self, epochs: int, steps: int, batch_size: int, say: Callable[[str], None]
    ) -> None:
        super().__init__()
        self.epochs, self.steps, self.batch_size, self.say = epochs, steps, batch_size, say
        self.started = self.began = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        del logs
        self.started = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Open the epoch's bar."""
        del logs
        self.began = time.monotonic()
        title = f"epoch {epoch + 1}/{self.epochs}"
        # In a log file (no terminal) there is no bar, only the line at the epoch's end.
        self.bar = tqdm(total=self.steps, desc=title, unit="step", leave=False, disable=None)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        self.bar.update()
        if logs and (batch + 1) % 10 == 0:
            self.bar.set_postfix(loss=f"{logs['loss']:.4f}", mae=f"{logs['mae']:.3f}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Say the epoch's figures and the time left."""
        self.bar.close()
        logs = logs or {}
        now = time.monotonic()
        rate = self.steps * self.batch_size / (now - self.began)
        left = (now - self.started) / (epoch + 1) * (self.epochs - epoch - 1)
        figures = "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
        self.say(
            f"epoch {epoch + 1}/{self.epochs}  {figures}  {rate:.0f} images/s  {left:.0f} s left"
        )


class History(keras.callbacks.Callback):
    """Writes history.csv anew after each epoch: one row an epoch.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.rows: list[dict[str, float]] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add a row."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        rate = float(np.asarray(self.model.optimizer.learning_rate))
        self.rows.append({"epoch": epoch + 1, **figures, "learning_rate": rate})
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self.path, text.getvalue())
