"""Contract between `export`, which writes a model, and `fau_tf.inference`, which reads it.

Batch 1, static shapes, S = image size, h = w = heatmap size, A action units, K AU centers:

| tensor | shape | dtype | meaning |
|---|---|---|---|
| `image` in | (1, S, S, 3) | float32 | aligned face, RGB, 0 to 255; normalized in the graph |
| `intensity` out | (1, A) | float32 | FACS intensity, clipped to 0 to 5 |
| `heatmaps` out | (1, h, w, K) | float32 | intensity units, for any target scale of the training |
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

CONTRACT_VERSION: Final = 2
"""Of models that are exported now."""
READABLE_VERSIONS: Final = (1, CONTRACT_VERSION)
"""Versions that readers take. Version 1 knows 14 AUs, version 2 also AU07, AU23 and AU45, which is
how far the eyes are shut; tensors and files are the same."""
SIGNATURE: Final = "serving_default"
INPUT: Final = "image"
OUTPUT_INTENSITY: Final = "intensity"
OUTPUT_HEATMAPS: Final = "heatmaps"

WITH_PORTRAITS: Final = " and edited portraits"
"""What `training_data.kind` ends with if edited portraits were among the training faces. Test faces
are never edited."""

LICENSE: Final = "Apache-2.0"
TERMS_OF_THE_DATA: Final = "the terms of the training data"
"""License of a model that was trained on recordings of people."""
_REAL: Final = "real faces"

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


def readable_version(found: object) -> bool:
    """Return whether a file's `contract_version` is one that readers take."""
    return type(found) is int and found in READABLE_VERSIONS  # True is an int that equals 1


def readable_versions() -> str:
    """Return the versions that readers take, in words for an error."""
    return " or ".join(map(str, READABLE_VERSIONS))


def training_kind(*, synthetic: bool, portraits: bool) -> str:
    """Return `training_data.kind`."""
    return ("synthetic faces" if synthetic else _REAL) + (WITH_PORTRAITS if portraits else "")


def model_license(training_data: Mapping[str, Any]) -> str:
    """Return the license of a model, given the entry `training_data` of its JSON.

    What recordings of people allow doesn't end with this package's license: those of DISFA and BP4D
    are for research. Licenses of edited portraits are listed in the same entry.
    """
    real = str(training_data.get("kind", "")).startswith(_REAL)
    return TERMS_OF_THE_DATA if real else LICENSE


@dataclass(frozen=True)
class Criterion:
    """A measurement that an AU must pass for its intensities to be reliable.

    Attributes:
        limit: The smallest value that passes.
        text: The measurement, as the subject of a sentence.
    """

    limit: float
    text: str


LOW_RELIABILITY: Final[Mapping[str, Criterion]] = MappingProxyType(
    {
        "cross_rig_icc": Criterion(
            0.40, "mean ICC(3,1) on synthetic faces of a rig that was not used for training"
        ),
        "edited_photo_rise": Criterion(
            0.5,
            "largest median rise, in intensity units, over the sets of real photos edited to show "
            "the AU",
        ),
        "blendshape_correlation": Criterion(
            0.20, "largest correlation with the AU's MediaPipe blendshape on real photos and videos"
        ),
    }
)
"""Criterion of the JSON entry `low_reliability` -> its limit and meaning.

A criterion applies where it was measured: the cross-rig ICC only of models with cross-rig runs. The
entry is AU label -> list of failed `criterion`, measured `value` and `limit`. An ICC of 0.40 is
where Cicchetti's `poor` ends (Psychological Assessment 6(4), 1994).
"""
