"""The job that `export.qat.fine_tune` writes, and evaluations on its validation faces."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.metrics import agreement

_BATCH: Final = 32  # without training; affects only the time


class Job:
    """Settings, weights and arrays of one fine-tuning.

    Args:
        folder: Contains job.json, weights.npz, a batch<number>.npz for each training batch, and one
            .npy file per other array.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        self.rows = self.asked["rows"]
        self.codec = HeatmapCodec(**self.asked["codec"])
        self.to_au = facs.center_to_au(self.asked["aus"], self.asked["rule"])
        with np.load(folder / "weights.npz", allow_pickle=False) as file:
            self.weights = dict(file)

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return an array of the folder, read from disk on demand."""
        return np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    def images(self, name: str) -> Iterator[Any]:
        """Yield the images of an array in batches, float32."""
        images = self.array(name)
        for start in range(0, len(images), _BATCH):
            yield images[start : start + _BATCH].astype(np.float32)

    def batch(self, number: int) -> tuple[Any, dict[str, Any]]:
        """Return the images and the targets of a training batch, float32 or whole numbers."""
        with np.load(self.folder / f"batch{number}.npz", allow_pickle=False) as file:
            arrays = dict(file)
        whole = {name for name, value in arrays.items() if value.dtype == np.int32}
        targets = {
            name: value if name in whole else value.astype(np.float32)
            for name, value in arrays.items()
        }
        return targets.pop("image"), targets


def validation_icc(job: Job, model: Any) -> float:
    """Return the mean ICC(3,1) on the validation subjects."""
    predicted = [
        job.codec.decode(model.predict_on_batch(images), job.to_au)
        for images in job.images("validation_image")
    ]
    columns = agreement.per_au(job.array("validation_intensity"), np.concatenate(predicted))
    return float(np.nanmean(columns["icc"]))


def twin_difference(job: Job, model: Any) -> float:
    """Return the largest difference to the Keras 3 network's heatmaps, over their largest value."""
    expected = job.array("validation_raw")
    got = np.concatenate(
        [model.predict_on_batch(images) for images in job.images("validation_image")]
    )
    # Near-ties among neighbors may flip on a face or two; a wrong twin is wrong on all.
    worst = np.abs(got - expected).reshape(len(got), -1).max(axis=1)
    return float(np.quantile(worst, 0.95) / np.abs(expected).max())
