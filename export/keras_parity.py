"""Outputs of a network in Keras and in a .tflite file, and how far apart they are."""

from typing import Final

import keras
import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from export.graph.flatbuffer import TfliteFile
from export.specs import ExportSpec
from fau_tf import contract, facs
from fau_tf.facs import MAX_INTENSITY
from fau_tf.models.presets import NetSpec

Outputs = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""(N, A) intensities and (N, h, w, K) heatmaps, both in intensity units."""

_SHARE: Final = 0.95
"""Of the faces, for which a limit must hold: a near-tie among neighbors may flip on a face or two,
while a fault shows on all."""


def run_tflite(file: TfliteFile, images: npt.NDArray[np.float32]) -> Outputs:
    """Return a file's outputs for (N, S, S, 3) images, computed on the CPU."""
    interpreter = Interpreter(model_content=file.content, num_threads=2)
    run = interpreter.get_signature_runner(contract.SIGNATURE)
    outputs = [run(**{contract.INPUT: image[None]}) for image in images]
    return (
        np.concatenate([output[contract.OUTPUT_INTENSITY] for output in outputs]),
        np.concatenate([output[contract.OUTPUT_HEATMAPS] for output in outputs]),
    )


def run_keras(net: keras.Model, spec: NetSpec, images: npt.NDArray[np.float32]) -> Outputs:
    """Return the network's outputs for (N, S, S, 3) images, decoded as the file decodes them."""
    to_au = facs.center_to_au(spec.au_numbers, spec.rule)
    raw = np.concatenate([np.asarray(net(image[None])) for image in images]).astype(np.float32)
    heatmaps = np.clip(raw / spec.codec.unit, 0, MAX_INTENSITY)
    return spec.codec.decode(raw, to_au), heatmaps


def difference_to_keras(
    expected: Outputs, got: Outputs, variant: ExportSpec
) -> tuple[float, list[str]]:
    """Return the largest error of an intensity, and what exceeds the limit, one line each.

    Args:
        expected: From `run_keras`.
        got: From `run_tflite`, on the same faces.
        variant: Holds the limit.
    """
    # The largest error of each face: (N,) for intensities, (N,) for heatmaps.
    errors = [
        np.abs(mine - want).reshape(len(want), -1).max(axis=1)
        for mine, want in zip(got, expected, strict=True)
    ]
    lines = []
    limit = variant.max_intensity_error
    for name, error in zip(("intensities", "heatmaps"), errors, strict=True):
        usual = float(np.quantile(error, _SHARE))
        if limit is not None and not usual <= limit:  # NaN too
            lines.append(
                f"{name} of {_SHARE:.0%} of the faces must be within {limit} of Keras: got an "
                f"error of {usual:.3g}. Compare the layers of `export.convert.for_export` with the "
                "network's"
            )
    return float(errors[0].max()), lines
