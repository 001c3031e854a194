"""MediaPipe's Face Landmarker: 478 mesh points per face, and the 68 iBUG landmarks among them."""

import hashlib
import io
import zipfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.face.align import Image, require_image
from fau_tf.face.tiling import Mesh, Window, largest, uncut, windows
from fau_tf.utils import optional_imports

MESH_POINTS: Final = 478
BUNDLE_NAME: Final = "face_landmarker.task"
BUNDLE_SHA256: Final = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
DETECTION_CONFIDENCE: Final = 0.6
PRESENCE_CONFIDENCE: Final = 0.8
"""In 15 tiled photos MediaPipe's defaults of 0.5 give four false detections; these give one (a
dog), and all 49 faces."""
NO_FACE: Final = "no face found"
"""Reason of a row if `find` returns no face."""


class MediaPipeLandmarks(AbstractContextManager["MediaPipeLandmarks"]):
    """Finds faces in photos; use it in a `with` block, or call `close`.

    Attributes:
        num_faces: Maximum number of faces per photo; the largest are kept.
        divisions: Tiles to search, see `tiling.windows`.
    """

    def __init__(
        self,
        num_faces: int = 10,
        bundle: Path | None = None,
        divisions: Sequence[int] = (1, 2, 3),
    ) -> None:
        """Load the bundle.

        Args:
            num_faces: Maximum number of faces per photo, 1 or more; the largest are kept.
            bundle: Face Landmarker bundle; by default the one in this package.
            divisions: Tiles to search, see `tiling.windows`; (1,) is the whole photo only:
                fastest, and enough for a face wider than an eighth of it.

        Raises:
            FileNotFoundError: If the bundle is missing.
            ValueError: If the bundle has another hash, or `num_faces` is not positive.
            MissingLibraryError: If a library is missing.
        """
        if num_faces < 1:
            raise ValueError(f"The number of faces must be 1 or more, got {num_faces}.")
        self.num_faces = num_faces
        self.divisions = tuple(divisions)
        content = read_bundle(bundle or default_bundle())
        self._mp = optional_imports.mediapipe()
        vision = self._mp.tasks.vision
        with optional_imports.explain_import_errors("MediaPipe"):
            self._landmarker: Any = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    base_options=self._mp.tasks.BaseOptions(model_asset_buffer=content),
                    num_faces=num_faces,
                    min_face_detection_confidence=DETECTION_CONFIDENCE,
                    min_face_presence_confidence=PRESENCE_CONFIDENCE,
                )
            )

    def find(self, image: Image, parts: Sequence[Window] | None = None) -> list[Mesh]:
        """Return the (478, 2) mesh points of each face in px, left to right.

        Args:
            image: (H, W, 3) RGB uint8.
            parts: Windows of the image to look at; those of `divisions` by default.

        Returns:
            At most `num_faces` faces; an empty list means `NO_FACE`.

        Raises:
            ValueError: If the image is not (H, W, 3) uint8.
        """
        require_image(image)
        height, width = image.shape[:2]
        parts = windows(height, width, self.divisions) if parts is None else parts
        found = (
            mesh
            for window in parts
            for mesh in self._find_in(image, window)
            if uncut(mesh, window, height, width)
        )
        return largest(found, self.num_faces)

    def _find_in(self, image: Image, window: Window) -> list[Mesh]:
        x0, y0, x1, y1 = window
        part = np.ascontiguousarray(image[y0:y1, x0:x1])
        sheet = self._mp.Image(image_format=self._mp.ImageFormat.SRGB, data=part)
        # MediaPipe's 0 is the center of the first pixel, not its edge: in an image enlarged s
        # times, x * width / s moves by 0.5 - 0.5 / s px (measured at s = 2, 3, 4 and 6).
        return [
            np.array([(point.x, point.y) for point in face]) * (x1 - x0, y1 - y0) + (x0, y0)
            for face in self._landmarker.detect(sheet).face_landmarks
        ]

    def close(self) -> None:
        """Free the landmarker."""
        self._landmarker.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def ibug68(mesh: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Return the (..., 68, 2) iBUG landmarks among the (..., 478, 2) points of MediaPipe's mesh.

    On 43 annotated faces the mean distance of the 51 inner landmarks from their annotations is
    4.1 % of the outer eye distance; the jaw is less exact (docs/reference/face.md).

    Raises:
        ValueError: If the mesh is not (..., 478, 2).
    """
    points: npt.NDArray[np.float64] = np.asarray(mesh, np.float64)
    if points.shape[-2:] != (MESH_POINTS, 2):
        raise ValueError(f"The mesh must be (..., {MESH_POINTS}, 2), got {points.shape}.")
    return points[..., list(facs.IBUG_FROM_MEDIAPIPE), :]


def default_bundle() -> Path:
    """Return the path of the bundle, in the installed package or in the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "assets" / BUNDLE_NAME
    return installed if installed.exists() else package.parent / "android_demo_assets" / BUNDLE_NAME


def read_bundle(path: Path) -> bytes:
    """Return the bytes of the Face Landmarker bundle, after checking its hash.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If its SHA-256 differs.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileNotFoundError(
            f"{path}: cannot read the Face Landmarker bundle: {error.strerror}. Restore it from "
            "the repository, or reinstall fau_tf."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != BUNDLE_SHA256:
        raise ValueError(
            f"{path}: the Face Landmarker bundle ({len(content)} bytes) has SHA-256 {found} "
            f"instead of {BUNDLE_SHA256}. Restore it from the repository, or reinstall fau_tf."
        )
    return content


def landmark_network(bundle: Path) -> bytes:
    """Return the .tflite file inside the bundle that finds the 478 points."""
    with zipfile.ZipFile(io.BytesIO(read_bundle(bundle))) as archive:
        return archive.read("face_landmarks_detector.tflite")
