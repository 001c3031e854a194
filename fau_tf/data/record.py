"""Face records: one aligned face with its labels, the common format of all data sets."""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from fau_tf import facs

FORMAT_VERSION: Final = 3
"""Of a record that is written: it names the AUs of its intensities, and how its sides differ."""
READABLE_FORMATS: Final = (1, 2, FORMAT_VERSION)
"""Records of version 1 have the intensities of `VERSION_1_AUS`; the sides of those before version 3
are alike."""
VERSION_1_AUS: Final = facs.DISFA_BP4D
FIRST_WITH_AUS: Final = 2
FIRST_WITH_SIDES: Final = 3
"""Format versions since which a record names its AUs, and how its sides differ."""
MARGIN: Final = 1.25
"""Field of view of a stored image relative to the aligned crop, around the same center."""
LARGEST_SIDE_DIFFERENCE: Final = 2 * facs.MAX_INTENSITY
"""Of an intensity of 5 that is all on one side, as the intensity is the mean of both."""
JPEG_QUALITY: Final = 92


@dataclass(frozen=True)
class FaceRecord:
    """One aligned face with its labels.

    Attributes:
        image: (R, R, 3) RGB uint8, aligned, `MARGIN` times as wide as the crop.
        landmarks: (68, 2) iBUG landmarks in px of `image`.
        intensity: AU number -> 0 to 5; an AU that is missing or NaN is not coded.
        subject: The person shown; all faces of a subject are in the same set of a split.
        source: File and frame, or the seeds of a synthetic face.
        dataset: Name of the data set.
        factors: Other known properties, e.g. head pose and skin of a synthetic face.
        side_difference: AU number -> by how much it is stronger on the image's left than on its
            right, at its centers of the rule set `fau`; its intensity is the mean of both. Within
            `LARGEST_SIDE_DIFFERENCE`; an AU that is missing counts as even.
    """

    image: npt.NDArray[np.uint8]
    landmarks: npt.NDArray[np.float32]
    intensity: Mapping[int, float]
    subject: str
    source: str
    dataset: str
    factors: Mapping[str, float] = field(default_factory=dict)
    side_difference: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = self.image.shape
        if self.image.dtype != np.uint8 or len(shape) != 3 or shape[0] != shape[1] or shape[2] != 3:
            raise ValueError(
                f"{self.source}: a record's image must be (R, R, 3) uint8. "
                f"Received: {shape} {self.image.dtype}"
            )
        if self.landmarks.shape != (68, 2) or not np.isfinite(self.landmarks).all():
            raise ValueError(
                f"{self.source}: landmarks must be (68, 2) and finite. "
                f"Received: shape {self.landmarks.shape}"
            )
        for au, value in self.intensity.items():
            if au not in facs.AUS or value < 0 or value > facs.MAX_INTENSITY:
                raise ValueError(
                    f"{self.source}: intensity must be 0 to 5 for a known AU. "
                    f"Received: AU{au} = {value}"
                )
        for au, value in self.side_difference.items():
            if au not in facs.AUS or not facs.has_sides(au) or not _is_side_difference(value):
                raise ValueError(
                    f"{self.source}: side_difference must be within "
                    f"{LARGEST_SIDE_DIFFERENCE:g} in size, for an AU with a center on each side. "
                    f"Received: AU{au} = {value}"
                )

    def intensities(self) -> npt.NDArray[np.float32]:
        """Return (17,) in the order of `facs.ALL`; NaN where not coded."""
        return np.array([self.intensity.get(au, np.nan) for au in facs.ALL], np.float32)

    def side_differences(self) -> npt.NDArray[np.float32]:
        """Return (17,) in the order of `facs.ALL`; 0 where the sides are alike or not coded."""
        return np.array([self.side_difference.get(au, 0.0) for au in facs.ALL], np.float32)


def least_record_size(image_size: int) -> int:
    """Return the rows and columns of the smallest records for crops of `image_size` px, even.

    The crop of a smaller record would be enlarged: blurred in a way that no photo's is.
    """
    return 2 * math.ceil(MARGIN * image_size / 2)


def jpeg(image: npt.NDArray[np.uint8]) -> bytes:
    """Return the image as JPEG, without chroma subsampling to keep wrinkles and lips."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def _is_side_difference(value: float) -> bool:
    return abs(value) <= LARGEST_SIDE_DIFFERENCE  # NaN is not


def as_features(record: FaceRecord) -> dict[str, Any]:
    """Return the stored features of a record as plain values, which can be pickled."""
    return {
        "image": jpeg(record.image),
        "landmarks": record.landmarks.astype(np.float32).ravel().tolist(),
        "aus": list(facs.ALL),
        "intensity": record.intensities().tolist(),
        "side_difference": record.side_differences().tolist(),
        "subject": record.subject,
        "source": record.source,
        "dataset": record.dataset,
        "factor_names": list(record.factors),
        "factors": [float(value) for value in record.factors.values()],
    }
