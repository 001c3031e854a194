"""Fine-tune the twin and convert it.

    python -m export.qat.child FOLDER

Reads what `launch` put into FOLDER, prints a line now and then, and leaves `model.tflite` and
`result.json` there. SCC's matrices lie on their 8-bit grid and are stored as float32; `launch`
packs them, because the converter here takes a layer to int8 whole or not at all.
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
from export.qat.child.job import Job, validation_icc
from export.qat.child.lighter import METHODS
from export.qat.child.to_tflite import converted
from export.qat.child.tune import fine_tune

_PACKAGES: Final = ("tensorflow", "tf_keras", "tensorflow-model-optimization", "keras", "numpy")


def main(folder: Path) -> None:
    """Do one job."""
    start = time.monotonic()
    job = Job(folder)
    tf_keras.utils.set_random_seed(job.asked["seed"])
    tf.config.experimental.enable_op_determinism()
    plain = twin.twin(job.rows, job.codec.image_size, batch=None, selection="gather")
    twin.set_weights(plain, job.weights)
    result: dict[str, Any] = {"twin_difference": _difference(job, plain)}
    if result["twin_difference"] <= job.asked["max_twin_difference"]:
        result["icc_float"] = validation_icc(job, plain)
        ranges = rounding.measure_ranges(job.rows, plain, list(job.images()))
        settings = job.asked["settings"]
        learner = METHODS[settings["method"]](job.rows, plain, ranges, settings["amount"])
        best, result["history"] = fine_tune(job, learner)
        (folder / "model.tflite").write_bytes(converted(job, ranges, best))
    result["seconds"] = round(time.monotonic() - start, 1)
    result["versions"] = {name: importlib.metadata.version(name) for name in _PACKAGES}
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def _difference(job: Job, model: Any) -> float:
    """Return the largest difference to the Keras 3 network's heatmaps, over their largest value."""
    expected = job.array("validation_raw")
    got = np.concatenate([model.predict_on_batch(images) for images in job.images()])
    # Near-ties among neighbors may flip on a face or two; a wrong twin is wrong on all.
    worst = np.abs(got - expected).reshape(len(got), -1).max(axis=1)
    return float(np.quantile(worst, 0.95) / np.abs(expected).max())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
