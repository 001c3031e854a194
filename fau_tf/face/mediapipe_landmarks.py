"""MediaPipe's Face Landmarker: the same networks as `landmarker`, on MediaPipe's runtime.

MediaPipe contacts a usage-metrics server of Google from every process that runs it (SECURITY.md).
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fau_tf.face.align import Image, require_image
from fau_tf.face.bundle import read_bundle
from fau_tf.face.landmarker import DETECTION_CONFIDENCE, PRESENCE_CONFIDENCE, Landmarker
from fau_tf.face.mesh import Face, largest
from fau_tf.face.tiling import Mesh, Window, same_as_any, uncut, windows
from fau_tf.utils import optional_imports
from fau_tf.utils.native_lock import NativeLock


class MediaPipeLandmarks(Landmarker):
    """The bundle's networks on MediaPipe's runtime."""

    def __init__(
        self,
        num_faces: int = 10,
        bundle: Path | None = None,
        divisions: Sequence[int] = (1, 2, 3),
    ) -> None:
        """Load the bundle.

        Args:
            num_faces: See `Landmarker`.
            bundle: Face Landmarker bundle; by default the one in this package.
            divisions: See `Landmarker`.

        Raises:
            FileNotFoundError: If the bundle is missing.
            ValueError: If the bundle has another hash, or `num_faces` is not positive.
            MissingLibraryError: If a library is missing.
        """
        super().__init__(num_faces, divisions)
        content = read_bundle(bundle)
        self._lock = NativeLock("MediaPipeLandmarks")
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

    def find_faces(
        self,
        image: Image,
        parts: Iterable[Window] | None = None,
        known: Sequence[Mesh] = (),
    ) -> list[Face]:
        """Return the faces of a picture; see `Landmarker.find_faces`."""
        require_image(image)
        height, width = image.shape[:2]
        parts = windows(height, width, self.divisions) if parts is None else parts
        found = [
            Face(mesh)
            for window in parts
            for mesh in self._find_in(image, window)
            if uncut(mesh, window, height, width) and not same_as_any(mesh, known)
        ]
        return largest(found, self.num_faces)

    def follow(self, image: Image, meshes: Iterable[Mesh]) -> list[Face]:
        """Return the faces of the next frame of a video that were there before, left to right.

        Each is looked for in a square of twice its size around its last place, in image mode. The
        video mode takes 8 ms a frame instead of 10 ms, but smooths its landmarks: on a face that
        swings through a noisy picture they scatter by 0.42 px, those of image mode in the square by
        0.16 px.
        """
        require_image(image)
        return self.find_faces(image, [around(mesh, *image.shape[:2]) for mesh in meshes])

    def _find_in(self, image: Image, window: Window) -> list[Mesh]:
        x0, y0, x1, y1 = window
        part = np.ascontiguousarray(image[y0:y1, x0:x1])
        sheet = self._mp.Image(image_format=self._mp.ImageFormat.SRGB, data=part)
        with self._lock:
            faces = self._landmarker.detect(sheet).face_landmarks
        # MediaPipe's 0 is the center of the first pixel, not its edge: in an image enlarged s
        # times, x * width / s moves by 0.5 - 0.5 / s px (measured at s = 2, 3, 4 and 6).
        return [
            np.array([(point.x, point.y) for point in face]) * (x1 - x0, y1 - y0) + (x0, y0)
            for face in faces
        ]

    def close(self) -> None:
        """Free the landmarker; later calls raise RuntimeError."""
        if self._lock.close():
            self._landmarker.close()


def around(mesh: Mesh, height: int, width: int) -> Window:
    """Return the square of twice a face's size around it, cut to the picture."""
    low, high = mesh.min(axis=0), mesh.max(axis=0)
    middle, reach = (low + high) / 2, float((high - low).max())
    x0, y0 = np.clip(middle - reach, 0, (width - 1, height - 1)).astype(int).tolist()
    x1, y1 = np.clip(middle + reach + 1, (x0 + 1, y0 + 1), (width, height)).astype(int).tolist()
    return x0, y0, x1, y1
