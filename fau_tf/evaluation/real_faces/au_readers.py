"""Picture -> AU intensities by a model, and by the blendshape baseline."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.evaluation.blendshapes import au_score
from fau_tf.evaluation.real_faces.face_reader import FaceReader, ReadFace
from fau_tf.face.blendshapes import NAMES
from fau_tf.facs import MAX_INTENSITY
from fau_tf.inference.interpreter import AUInterpreter

Array = npt.NDArray[Any]
READERS: Final = ("model", "blendshapes")
"""Names of the rows of `AUReaders`' tables."""


class AUReaders:
    """Reads the AUs of the face in a picture, as the product does: landmarks, crop, model.

    Attributes:
        model: The model.
        aus: A numbers of its AUs.
    """

    def __init__(self, faces: FaceReader, model: AUInterpreter) -> None:
        """Take what finds faces, and the model."""
        self.model = model
        self.aus: Sequence[int] = model.info.aus
        self._faces = faces

    def __call__(self, image: Array) -> Array:
        """Return (2, A) intensities of a picture's face by each reader; NaN without a face."""
        face = self._faces(image)
        return np.full((len(READERS), len(self.aus)), np.nan) if face is None else self.read(face)

    def read(self, face: ReadFace) -> Array:
        """Return (2, A) intensities of a face by each of `READERS`.

        The baseline is 5 times the sum of an AU's blendshapes, at most 5.
        """
        intensity, _ = self.model(face.crop(self.model.info.image_size))
        scores = [au_score(au, NAMES, face.blendshapes) for au in self.aus]
        return np.stack([intensity, np.clip(MAX_INTENSITY * np.stack(scores), 0, MAX_INTENSITY)])
