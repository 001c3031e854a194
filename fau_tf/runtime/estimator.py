"""Photo -> faces with AU intensities."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fau_tf.face.align import Image, Matrix, crop_matrix, invert, transform
from fau_tf.face.au_centres import au_centres
from fau_tf.face.fast_crop import fast_crop
from fau_tf.face.landmarks import ibug68
from fau_tf.face.mediapipe_landmarks import NO_FACE, MediaPipeLandmarks
from fau_tf.runtime.interpreter import AUInterpreter


@dataclass(frozen=True)
class FaceResult:
    """One face of a photo; points are (x, y) px of that photo.

    Attributes:
        box: Smallest box around the mesh points: x0, y0, x1, y1.
        landmarks: (68, 2) iBUG landmarks.
        centres: (K, 2) AU centres of the heatmap channels.
        intensity: AU label, e.g. `AU06`, -> intensity in 0 to 5.
        heatmaps: (h, w, K) in 0 to 5, over the aligned crop.
        matrix: (2, 3) photo px -> crop px.
        crop_size: Side of that crop, px.
    """

    box: tuple[float, float, float, float]
    landmarks: npt.NDArray[np.float64]
    centres: npt.NDArray[np.float64]
    intensity: dict[str, float]
    heatmaps: npt.NDArray[np.float32]
    matrix: Matrix
    crop_size: int


@dataclass(frozen=True)
class Estimate:
    """What was read from a photo.

    Attributes:
        faces: Left to right.
        reason: Why there are none; empty where there are some.
    """

    faces: tuple[FaceResult, ...]
    reason: str = ""


class AUEstimator:
    """Finds every face of a photo and reads its AUs; use it in a `with` block, or call `close`.

    Attributes:
        interpreter: The model.
    """

    def __init__(self, model: Path, num_faces: int = 10, threads: int = 2) -> None:
        """Load the model and the face landmarker.

        Args:
            model: An exported .tflite, with its JSON file beside it.
            num_faces: At most this many faces of a photo are read.
            threads: CPU threads of the model.

        Raises:
            ModelError: If the model can't be used.
            FileNotFoundError: If the landmarker's bundle is missing.
            ValueError: If that bundle is corrupt, or a number is not positive.
            MissingLibraryError: If a library is missing.
        """
        self.interpreter = AUInterpreter(model, threads)
        self._landmarker = MediaPipeLandmarks(num_faces)

    def estimate(self, image: Image) -> Estimate:
        """Return the faces of a photo, left to right, or the reason why there are none.

        Args:
            image: (H, W, 3) RGB uint8.

        Raises:
            ValueError: If the image is not (H, W, 3) uint8.
        """
        faces = tuple(self._read(image, mesh) for mesh in self._landmarker.find(image))
        return Estimate(faces, "" if faces else NO_FACE)

    def _read(self, image: Image, mesh: npt.NDArray[np.floating[Any]]) -> FaceResult:
        info = self.interpreter.info
        landmarks = ibug68(mesh)
        matrix = crop_matrix(landmarks, info.image_size)
        intensity, heatmaps = self.interpreter(fast_crop(image, matrix, info.image_size))
        # The centres are those of the crop, where the face is upright, as in training.
        centres = au_centres(transform(matrix, landmarks), info.aus, info.rule)
        (x0, y0), (x1, y1) = mesh.min(axis=0).tolist(), mesh.max(axis=0).tolist()
        return FaceResult(
            box=(x0, y0, x1, y1),
            landmarks=landmarks,
            centres=transform(invert(matrix), centres),
            intensity=dict(zip(info.labels, intensity.tolist(), strict=True)),
            heatmaps=heatmaps,
            matrix=matrix,
            crop_size=info.image_size,
        )

    def close(self) -> None:
        """Free the landmarker."""
        self._landmarker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
