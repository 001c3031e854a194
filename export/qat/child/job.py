"""What `launch` asks of the child, read from a folder."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.codec import HeatmapCodec
from fau_tf.metrics import agreement

_BATCH: Final = 32  # of validation; changes nothing but the time


class Job:
    """What `launch` asks for.

    Args:
        folder: Holds job.json, weights.npz and one .npy an array.
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
        """Return an array of the folder, read from disk as it is used."""
        return np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    def images(self) -> Iterator[Any]:
        """Give the validation images in batches, float32."""
        images = self.array("validation_image")
        for start in range(0, len(images), _BATCH):
            yield images[start : start + _BATCH].astype(np.float32)


def validation_icc(job: Job, model: Any) -> float:
    """Return the mean ICC(3,1) on the validation people."""
    predicted = [
        job.codec.decode(model.predict_on_batch(images), job.to_au) for images in job.images()
    ]
    columns = agreement.per_au(job.array("validation_intensity"), np.concatenate(predicted))
    return float(np.nanmean(columns["icc"]))
