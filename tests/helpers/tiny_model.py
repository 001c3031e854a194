"""A tiny exported model, for tests of whatever reads one: brightness makes its intensities."""

import functools
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from fau_tf import contract, facs
from fau_tf.models.presets import PRESETS

SIZE, HEATMAP = 64, 16
AUS = PRESETS["tiny"].au_numbers


def write_tiny_model(folder: Path, aus: tuple[int, ...] = AUS, rule: str = "fau") -> Path:
    """Return the path of a .tflite that keeps the contract, with its JSON file beside it."""
    path = folder / "tiny.tflite"
    path.write_bytes(_flatbuffer(aus, rule))
    write_metadata(path, aus, rule)
    return path


def write_metadata(
    path: Path, aus: tuple[int, ...], rule: str, changes: dict[str, Any] | None = None
) -> None:
    """Write the JSON file of a model, with some entries changed; None leaves an entry out."""
    entries = {
        "contract_version": contract.CONTRACT_VERSION,
        "name": "tiny",
        "image_size": SIZE,
        "heatmap_size": HEATMAP,
        "aus": list(aus),
        "rule": rule,
        "centers": [center.name for center in facs.centers(aus, rule)],
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    kept = {key: value for key, value in (entries | (changes or {})).items() if value is not None}
    path.with_suffix(".json").write_text(json.dumps(kept))


@functools.cache
def _flatbuffer(aus: tuple[int, ...], rule: str) -> bytes:
    import tensorflow as tf

    to_au = tf.constant(facs.center_to_au(aus, rule))
    scale = tf.linspace(0.2, 1.0, to_au.shape[0])  # each center has values of its own

    class Tiny(tf.Module):
        @tf.function(
            input_signature=[tf.TensorSpec((1, SIZE, SIZE, 3), tf.float32, contract.INPUT)]
        )
        def serve(self, image: Any) -> dict[str, Any]:
            stride = SIZE // HEATMAP
            small = tf.nn.avg_pool2d(image, stride, stride, "VALID")
            gray = tf.reduce_mean(small, axis=-1, keepdims=True) / 255.0  # (1, h, w, 1)
            heatmaps = tf.clip_by_value(facs.MAX_INTENSITY * gray * scale, 0.0, 5.0)
            intensity = tf.matmul(tf.reduce_max(heatmaps, axis=(1, 2)), to_au)
            return {contract.OUTPUT_INTENSITY: intensity, contract.OUTPUT_HEATMAPS: heatmaps}

    module = Tiny()
    with tempfile.TemporaryDirectory() as saved:
        tf.saved_model.save(module, saved, signatures={contract.SIGNATURE: module.serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(saved)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return bytes(converter.convert())
