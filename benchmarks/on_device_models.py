"""The .tflite files that benchmarks/on_device.py times: presets, and single convolutions."""

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.specs import EXPORT_SPECS
from export.variants import Source, make
from fau_tf import contract
from fau_tf.models import heatmap_net
from fau_tf.models.presets import PRESETS

TRAINED_ONLY = "qat_int8"
"""Fine-tuning needs faces and minutes; the file has the operators of static_int8."""
CONVOLUTIONS = (
    # side, maps in, maps out, kernel: from a mobile network's shapes to those that suit it best
    (32, 128, 128, 1),
    (32, 256, 256, 1),
    (16, 512, 512, 1),
    (32, 64, 64, 3),
    (16, 256, 256, 3),
    (64, 64, 128, 3),
)


def write_preset(preset: str, folder: Path, variants: Sequence[str] = ()) -> dict[str, Path]:
    """Return variant -> .tflite of a preset with random weights, which are as fast as any.

    Args:
        preset: Row of `PRESETS`.
        folder: Where they go.
        variants: Rows of `EXPORT_SPECS`; by default all but `TRAINED_ONLY`.
    """
    keras.utils.set_random_seed(0)
    spec = PRESETS[preset]
    side = spec.image_size
    faces = np.random.default_rng(0).uniform(0, 255, (4, side, side, 3)).astype(np.float32)
    source = Source(heatmap_net.build(spec), spec, faces)
    paths = {}
    for name in variants or [name for name in EXPORT_SPECS if name != TRAINED_ONLY]:
        paths[name] = folder / f"{preset}_{name}.tflite"
        paths[name].write_bytes(make(source, EXPORT_SPECS[name]).content)
    return paths


def write_convolutions(folder: Path) -> dict[str, tuple[Path, int]]:
    """Return name -> (.tflite of one float32 convolution, its operations); see `CONVOLUTIONS`."""
    found = {}
    for side, maps, out, kernel in CONVOLUTIONS:
        name = f"{side}x{side}x{maps} to {out}, {kernel}x{kernel}"
        path = folder / f"convolution_{side}_{maps}_{out}_{kernel}.tflite"
        path.write_bytes(_convolution((1, side, side, maps), (kernel, kernel, maps, out)))
        found[name] = path, 2 * side * side * prod((kernel, kernel, maps, out))
    return found


def _convolution(shape: tuple[int, ...], kernel: tuple[int, ...]) -> bytes:
    module = tf.Module()
    module.kernel = tf.random.stateless_normal(kernel, seed=(0, 1))

    def serve(image: Any) -> dict[str, Any]:
        return {"y": tf.nn.conv2d(image, module.kernel, 1, "SAME")}

    spec = tf.TensorSpec(shape, tf.float32, name=contract.INPUT)
    module.serve = tf.function(serve, input_signature=[spec])
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.serve.get_concrete_function()], module
    )
    return bytes(converter.convert())
