"""What an exported model takes and gives; `export` writes it, `fau_tf.inference` reads it.

Batch 1, static shapes, S = image size, h = w = heatmap size, A action units, K AU centers:

| tensor | shape | dtype | meaning |
|---|---|---|---|
| `image` in | (1, S, S, 3) | float32 | aligned face, RGB, 0 to 255; normalized in the graph |
| `intensity` out | (1, A) | float32 | FACS intensity, clipped to 0 to 5 |
| `heatmaps` out | (1, h, w, K) | float32 | intensity units, whatever the training scale was |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

CONTRACT_VERSION: Final = 1
SIGNATURE: Final = "serving_default"
INPUT: Final = "image"
OUTPUT_INTENSITY: Final = "intensity"
OUTPUT_HEATMAPS: Final = "heatmaps"

REQUIRED_METADATA: Final = (
    "contract_version",
    "name",
    "image_size",
    "heatmap_size",
    "aus",
    "rule",
    "centers",
    "sha256",
)
"""Keys that the JSON file beside every .tflite has."""


@dataclass(frozen=True)
class Criterion:
    """What an AU must reach for its intensities to be relied on.

    Attributes:
        limit: The least value.
        text: What was measured, as a sentence's subject.
    """

    limit: float
    text: str


LOW_RELIABILITY: Final[Mapping[str, Criterion]] = MappingProxyType(
    {
        "cross_rig_icc": Criterion(
            0.40, "ICC(3,1) on synthetic faces of a rig it was not trained on"
        ),
        "edited_photo_rise": Criterion(0.5, "median rise on real photos with the AU painted on"),
        "blendshape_correlation": Criterion(
            0.20, "correlation with MediaPipe's blendshapes on real faces"
        ),
    }
)
"""Criteria of the JSON entry `low_reliability`: AU label -> list of criterion, value and limit.

0.40 is where Cicchetti's `poor` ends (Psychological Assessment 6(4), 1994).
"""
