"""Fine-tune the twin and convert it.

    python -m export.qat.child FOLDER

Reads the job that `export.qat.fine_tune` wrote into FOLDER, prints progress, and writes
`model.tflite` and `result.json` there. SCC's matrices are on their 8-bit grid but stored as
float32, since the converter quantizes a layer entirely or not at all; `fine_tune.packed` stores
them as int8.
"""

import importlib.metadata
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import keras
import tensorflow as tf
import tf_keras

from export.qat.child import rounding, twin
from export.qat.child.job import Job, twin_difference, validation_icc
from export.qat.child.tune import fine_tune
from fau_tf import contract
from fau_tf.facs import MAX_INTENSITY

_PACKAGES: Final = ("tensorflow", "tf_keras", "tensorflow-model-optimization", "keras", "numpy")


def main(folder: Path) -> None:
    """Do one job."""
    start = time.monotonic()
    job = Job(folder)
    tf_keras.utils.set_random_seed(job.asked["seed"])
    tf.config.experimental.enable_op_determinism()
    plain = twin.twin(job.rows, job.codec.image_size, batch=None, selection="gather")
    twin.set_weights(plain, job.weights)
    result: dict[str, Any] = {"twin_difference": twin_difference(job, plain)}
    if result["twin_difference"] <= job.asked["max_twin_difference"]:
        result["icc_float"] = validation_icc(job, plain)
        ranges = rounding.measure_ranges(job.rows, plain, list(job.images()))
        rounded = rounding.rounding_twin(
            job.rows, job.codec.image_size, ranges, batch=None, selection="gather", weights=True
        )
        twin.set_weights(rounded, twin.get_weights(plain))
        best, result["history"] = fine_tune(job, rounded)
        (folder / "model.tflite").write_bytes(_converted(job, ranges, best))
    result["seconds"] = round(time.monotonic() - start, 1)
    result["versions"] = {name: importlib.metadata.version(name) for name in _PACKAGES}
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


def _converted(job: Job, ranges: rounding.Ranges, weights: dict[str, Any]) -> bytes:
    """Return the flatbuffer of `fau_tf.contract`; SCC's matrices are float32, on an int8 grid."""
    size = job.codec.image_size
    net = rounding.rounding_twin(
        job.rows, size, ranges, batch=1, selection=job.asked["selection"], weights=False
    )
    twin.set_weights(
        net,
        {
            name: rounding.on_grid(tf.constant(value)).numpy() if value.ndim > 1 else value
            for name, value in weights.items()
        },
    )

    class Served(tf.Module):
        def __init__(self) -> None:
            self.net = net

        @tf.function(
            input_signature=[tf.TensorSpec((1, size, size, 3), tf.float32, name=contract.INPUT)]
        )
        def serve(self, image: Any) -> dict[str, Any]:
            raw = self.net(image, training=False)
            unit = job.codec.unit
            return {
                contract.OUTPUT_INTENSITY: job.codec.decode(raw, job.to_au, xp=keras.ops),
                contract.OUTPUT_HEATMAPS: tf.clip_by_value(raw / unit, 0.0, MAX_INTENSITY),
            }

    served = Served()
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(served, folder, signatures={contract.SIGNATURE: served.serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=[contract.SIGNATURE]
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return bytes(converter.convert())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
