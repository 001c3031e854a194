"""Plausibility of a model's outputs on rendered faces; needs no TensorFlow."""

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from export.graph.flatbuffer import ModelFileError
from fau_tf import contract, facs
from fau_tf.data.record import least_record_size
from fau_tf.data.synthetic_set import SyntheticSet, synthetic_record
from fau_tf.face import align
from fau_tf.facs import MAX_INTENSITY

_FACES: Final = 4
_SEED: Final = 1
# Intensity against the mean of its centers' maxima, intensity units. Float16 weights put a third of
# a unit 2e-4 off, int8 activations half a step of 5 / 127; another order of channels is units off.
_MEAN_TOLERANCE: Final = 0.03
_LEAST_CHANGE: Final = 1e-3  # between faces; rounding is below, any trained network above


def check_faces(flatbuffer: bytes, card: dict[str, Any]) -> str:
    """Run a model of the contract on a few rendered faces; return what was found, in words.

    Args:
        flatbuffer: Contents of the .tflite file.
        card: Its `aus` and `rule`; without them, the AU sets and rules that fit its shapes.

    Raises:
        ModelFileError: If an output is not finite, not within 0 to 5 or constant, or an intensity
            is not the mean of its centers' maxima.
    """
    run = Interpreter(model_content=flatbuffer, num_threads=1).get_signature_runner(
        contract.SIGNATURE
    )
    size = int(run.get_input_details()[contract.INPUT]["shape"][1])
    outputs = [run(**{contract.INPUT: face[None]}) for face in _crops(size)]
    intensity, maps = (
        np.concatenate([output[name] for output in outputs]).astype(np.float64)
        for name in (contract.OUTPUT_INTENSITY, contract.OUTPUT_HEATMAPS)
    )
    for name, values in (("intensities", intensity), ("heatmaps", maps)):
        _check_range(name, values)
    if np.ptp(intensity, axis=0).max() < _LEAST_CHANGE:
        raise ModelFileError(
            "Intensities must differ from face to face: got the same for all. Train longer, or "
            "compare with Keras."
        )
    low, high = intensity.min(), intensity.max()
    text = f"{_FACES} rendered faces: finite, varying, intensities {low:.2f} to {high:.2f}"
    return f"{text}; {_means(card, intensity, maps)}"


def _check_range(name: str, values: npt.NDArray[np.float64]) -> None:
    if not np.isfinite(values).all():
        raise ModelFileError(
            f"Outputs must be finite: got NaN or infinity in the {name}. Export it again."
        )
    low, high = values.min(), values.max()
    if low < 0 or high > MAX_INTENSITY or low == high:
        raise ModelFileError(
            f"{name.capitalize()} must vary within 0 to {MAX_INTENSITY:g}: got {low:.3g} to "
            f"{high:.3g}. Export a trained network again."
        )


def _means(
    card: dict[str, Any], intensity: npt.NDArray[np.float64], maps: npt.NDArray[np.float64]
) -> str:
    """Return, in words, how far intensities are from the means of their centers' maxima."""
    peaks = maps.max(axis=(1, 2))  # (N, K)
    off = {
        f"{name}, rule {rule}": float(np.abs(peaks @ matrix - intensity).max())
        for name, rule, matrix in _orders(card, intensity.shape[1], peaks.shape[1])
    }
    if not off:
        return "no AU set fits these AUs and centers, so their order can't be checked"
    best = min(off, key=lambda name: off[name])
    if off[best] > _MEAN_TOLERANCE:
        raise ModelFileError(
            f"Intensities must be within {_MEAN_TOLERANCE} of the means of their centers' maxima: "
            f"got a difference of {off[best]:.3g} ({best}). The order of channels or the decoding "
            "differs. Export the model again."
        )
    return f"within {off[best]:.1e} of the means of their centers' maxima ({best})"


def _orders(
    card: dict[str, Any], aus: int, centers: int
) -> Iterator[tuple[str, str, npt.NDArray[np.float32]]]:
    """Yield (name, rule, (K, A) matrix) of the card, or else of each AU set and rule that fits."""
    sets = {"the card's AUs": tuple(card["aus"])} if "aus" in card else facs.AU_SETS
    rules = (card["rule"],) if "rule" in card else tuple(facs.RULES)
    for (name, numbers), rule in product(sets.items(), rules):
        try:
            matrix = facs.center_to_au(numbers, rule)
        except ValueError:  # a rule set that lacks an AU
            continue
        if matrix.shape == (centers, aus):
            yield name, rule, matrix


def _crops(size: int) -> Iterator[npt.NDArray[np.float32]]:
    """Yield (S, S, 3) float32 faces, the same every time."""
    faces = SyntheticSet(
        people=_FACES,
        faces_per_person=1,
        record_size=max(16, least_record_size(size)),
        seed=_SEED,
    )
    for person in range(_FACES):
        record = synthetic_record(faces, person, 0)
        matrix = align.crop_matrix(record.landmarks, size)
        yield align.crop(record.image, matrix, size).astype(np.float32)
