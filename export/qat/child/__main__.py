"""Fine-tune the twin.

    python -m export.qat.child FOLDER

Reads the job that `export.qat.fine_tune` wrote into FOLDER, prints progress, and writes there
`result.json`, `tuned.npz` (the best weights, not rounded) and `peaks.npy` (of the rounded twin).
"""

import importlib.metadata
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf
import tf_keras

from export.qat.child import rounding, twin
from export.qat.child.job import Job, twin_difference, validation_icc
from export.qat.child.tune import batch_loss, fine_tune

_PACKAGES: Final = ("tensorflow", "tf_keras", "tensorflow-model-optimization", "keras", "numpy")


def main(folder: Path) -> None:
    """Do one job."""
    start = time.monotonic()
    job = Job(folder)
    tf_keras.utils.set_random_seed(job.asked["seed"])
    tf.config.experimental.enable_op_determinism()
    plain = twin.twin(job.rows, job.codec.image_size)
    twin.set_weights(plain, job.weights)
    result: dict[str, Any] = {"twin_difference": twin_difference(job, plain)}
    if result["twin_difference"] <= job.asked["max_twin_difference"]:
        result |= _tuned(job, plain)
    result["seconds"] = round(time.monotonic() - start, 1)
    result["versions"] = {name: importlib.metadata.version(name) for name in _PACKAGES}
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def _tuned(job: Job, plain: Any) -> dict[str, Any]:
    """Fine-tune, write weights and maxima, and return what is known of them."""
    before = {"float_icc": validation_icc(job, plain), "float_loss": batch_loss(job, plain)}
    batches = list(job.images("validation_image"))
    ranges = rounding.measure_ranges(job.rows, plain, batches)
    rounded = rounding.rounding_twin(job.rows, job.codec.image_size, ranges)
    twin.set_weights(rounded, twin.get_weights(plain))
    model = rounded if job.asked["settings"]["rounding"] else plain
    best, after = fine_tune(job, model)
    twin.set_weights(rounded, best)
    peaks = [
        job.codec.peaks(rounded.predict_on_batch(images))
        for images in job.images("calibration_image")
    ]
    np.savez(job.folder / "tuned.npz", allow_pickle=False, **best)
    np.save(job.folder / "peaks.npy", np.concatenate(peaks).astype(np.float32))
    return before | after


if __name__ == "__main__":
    main(Path(sys.argv[1]))
