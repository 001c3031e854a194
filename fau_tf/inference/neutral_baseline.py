"""Neutral calibration: how far a face is from its own rest.

A face at rest may read as active: low brows, deep folds, lip corners that point down. What is
subtracted is always named and never replaces the raw intensities.
"""

from collections.abc import Mapping

import numpy as np

from fau_tf import facs
from fau_tf.face.align import Image
from fau_tf.inference.estimator import AUEstimator


class CalibrationError(ValueError):
    """A neutral face can't be had from what was named."""


def calibrated(intensity: Mapping[str, float], neutral: Mapping[str, float]) -> dict[str, float]:
    """Return intensities less those of the neutral face, within 0 to 5; NaN stays NaN."""
    return {
        label: float(np.clip(value - neutral[label], 0.0, facs.MAX_INTENSITY))
        for label, value in intensity.items()
    }


def neutral_face(estimator: AUEstimator, image: Image, name: str) -> dict[str, float]:
    """Return the intensities of the one face of a photo.

    Args:
        estimator: Reads it.
        image: (H, W, 3) RGB uint8.
        name: What errors call the photo.

    Raises:
        CalibrationError: If there is not exactly one face, or it can't be read.
    """
    estimate = estimator.estimate(image)
    reasons = [face.reason for face in estimate.faces if face.reason]
    if len(estimate.faces) != 1 or reasons:
        received = reasons[0] if len(estimate.faces) == 1 else f"{len(estimate.faces)} faces"
        raise CalibrationError(
            f"--neutral: {name} must show one face that can be read. Received: {received}. "
            "Cut out the person's neutral face."
        )
    return estimate.faces[0].intensity
