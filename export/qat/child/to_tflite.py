"""Twin weights -> the flatbuffer that keeps `fau_tf.contract`."""

import tempfile
from typing import Any

import keras
import tensorflow as tf

from export.qat.child import rounding, twin
from export.qat.child.job import Job
from fau_tf import contract
from fau_tf.facs import MAX_INTENSITY


def converted(job: Job, ranges: rounding.Ranges, weights: dict[str, Any]) -> bytes:
    """Return the flatbuffer, convolutions in int8; SCC's matrices are float32, on an int8 grid."""
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
