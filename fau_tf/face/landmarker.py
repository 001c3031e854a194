"""The face landmarker: 478 mesh points per face, by the bundle's networks on LiteRT.

In a photo the detector finds the faces (`find_faces`). In a video the last mesh of a face tells
where it is in the next frame (`next_region`, `at`), until its presence falls below the threshold.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

import numpy as np

from fau_tf.face import bundle
from fau_tf.face.align import Image, require_image
from fau_tf.face.detector import Detection, FaceDetector
from fau_tf.face.mesh import Face, LandmarkNetwork, largest
from fau_tf.face.regions import Region, next_region
from fau_tf.face.tiling import Mesh, Window, same_as_any, uncut, windows
from fau_tf.face.upright import is_doubtful, turned_region
from fau_tf.utils.native_lock import NativeLock

LITERT: Final = "litert"
MEDIAPIPE: Final = "mediapipe"
LANDMARKERS: Final = (LITERT, MEDIAPIPE)
"""The bundle's networks on LiteRT; on MediaPipe's runtime, which needs the extra `mediapipe` and
contacts a usage-metrics server of Google from every process that runs it."""

DETECTION_CONFIDENCE: Final = 0.6
PRESENCE_CONFIDENCE: Final = 0.8
"""Smallest score of the detector, and of the landmark network.

In 15 tiled photos MediaPipe's defaults of 0.5 give four false detections; these give one (a dog),
and all 49 faces.
"""
_DOUBTFUL_CONFIDENCE: Final = 0.5
"""Score from which a detection is looked at again in quarter turns: inverted faces have 0.5 to 0.8
before, and `DETECTION_CONFIDENCE` or more after it."""


class Landmarker(ABC):
    """Finds the faces of pictures; use it in a `with` block, or call `close`.

    Attributes:
        num_faces: Maximum number of faces per picture; the largest are kept.
        divisions: Tiles to search, see `tiling.windows`.
    """

    def __init__(self, num_faces: int, divisions: Sequence[int]) -> None:
        """Note what to search for.

        Args:
            num_faces: 1 or more.
            divisions: See `tiling.windows`; (1,) is the whole picture only: fastest, and enough
                for a face wider than an eighth of it.

        Raises:
            ValueError: If `num_faces` is not positive.
        """
        if num_faces < 1:
            raise ValueError(f"The number of faces must be 1 or more, got {num_faces}.")
        self.num_faces = num_faces
        self.divisions = tuple(divisions)

    @abstractmethod
    def find_faces(
        self,
        image: Image,
        parts: Iterable[Window] | None = None,
        known: Sequence[Mesh] = (),
    ) -> list[Face]:
        """Return the faces of a picture, left to right, at most `num_faces`.

        Args:
            image: (H, W, 3) RGB uint8.
            parts: Windows of the image to look at; those of `divisions` by default.
            known: Meshes of faces that are left out.

        Raises:
            ValueError: If the image is not (H, W, 3) uint8.
            RuntimeError: After `close`, or in a forked process.
        """

    @abstractmethod
    def follow(self, image: Image, meshes: Iterable[Mesh]) -> list[Face]:
        """Return the faces of the next frame that were there before, left to right.

        Args:
            image: (H, W, 3) RGB uint8.
            meshes: Of the faces in the frame before.

        Raises:
            ValueError: If the image is not (H, W, 3) uint8.
            RuntimeError: After `close`, or in a forked process.
        """

    @abstractmethod
    def close(self) -> None:
        """Free native code; later calls raise RuntimeError."""

    def find(self, image: Image, parts: Iterable[Window] | None = None) -> list[Mesh]:
        """Return the (478, 2) meshes of `find_faces`."""
        return [face.mesh for face in self.find_faces(image, parts)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_landmarker(
    name: str = LITERT, num_faces: int = 10, divisions: Sequence[int] = (1, 2, 3)
) -> "Landmarker":
    """Return a face landmarker of `LANDMARKERS`; see `FaceLandmarker` for arguments and errors.

    Raises:
        ValueError: If there is none of this name.
    """
    require_landmarker(name)
    if name == LITERT:
        return FaceLandmarker(num_faces, divisions=divisions)
    from fau_tf.face.mediapipe_landmarks import MediaPipeLandmarks

    return MediaPipeLandmarks(num_faces, divisions=divisions)


def require_landmarker(name: str) -> None:
    """Raise ValueError unless there is a landmarker of this name."""
    if name not in LANDMARKERS:
        raise ValueError(
            f"The landmarker must be one of {', '.join(LANDMARKERS)}. Received: {name!r}"
        )


class FaceLandmarker(Landmarker):
    """The bundle's networks on LiteRT.

    The same picture always gives the same result. Threads may share one instance: they take turns.
    """

    def __init__(
        self,
        num_faces: int = 10,
        path: Path | None = None,
        divisions: Sequence[int] = (1, 2, 3),
    ) -> None:
        """Load the networks.

        Args:
            num_faces: See `Landmarker`.
            path: Face Landmarker bundle; by default the one in this package.
            divisions: See `Landmarker`.

        Raises:
            FileNotFoundError: If the bundle is missing.
            ValueError: If the bundle has another hash, or `num_faces` is not positive.
            MissingLibraryError: If a library is missing.
        """
        super().__init__(num_faces, divisions)
        content = bundle.read_bundle(path)
        self._lock = NativeLock("FaceLandmarker")
        self._detector = FaceDetector(content)
        self._landmarks = LandmarkNetwork(content)

    def find_faces(
        self,
        image: Image,
        parts: Iterable[Window] | None = None,
        known: Sequence[Mesh] = (),
    ) -> list[Face]:
        """Return the faces of a picture, see `Landmarker.find_faces`.

        A face that several windows show is the one of the first window that has all of it. Known
        faces are not looked for.
        """
        require_image(image)
        height, width = image.shape[:2]
        parts = windows(height, width, self.divisions) if parts is None else parts
        found: list[Face] = []
        for window in parts:
            for detection in self._detect(image, window):
                have = [*known, *(face.mesh for face in found)]
                face = self._new_face(image, detection, have)
                if face and uncut(face.mesh, window, height, width):
                    found.append(face)
        return largest(found, self.num_faces)

    def at(self, image: Image, regions: Iterable[Region]) -> list[Face | None]:
        """Return the face in each region; None where the network sees none.

        Args:
            image: (H, W, 3) RGB uint8.
            regions: For example `next_region` of a face of the frame before.

        Raises:
            ValueError: If the image is not (H, W, 3) uint8.
            RuntimeError: After `close`, or in a forked process.
        """
        require_image(image)
        with self._lock:
            faces = [self._landmarks(image, region) for region in regions]
        return [face if face.presence > PRESENCE_CONFIDENCE else None for face in faces]

    def follow(self, image: Image, meshes: Iterable[Mesh]) -> list[Face]:
        """Return the faces in the regions of those of the frame before; see `Landmarker.follow`."""
        found = self.at(image, [next_region(mesh) for mesh in meshes])
        return largest([face for face in found if face], self.num_faces)

    def _detect(self, image: Image, window: Window) -> list[Detection]:
        x0, y0, x1, y1 = window
        with self._lock:
            part = image[y0:y1, x0:x1]
            found = self._detector(part, DETECTION_CONFIDENCE, _DOUBTFUL_CONFIDENCE)
        return [detection.moved((x0, y0)) for detection in found]

    def _new_face(self, image: Image, found: Detection, have: Sequence[Mesh]) -> Face | None:
        """Return the face of a detection, unless it is none or one of those that we have."""
        if same_as_any(np.stack((found.low, found.high)), have):
            return None
        with self._lock:
            face = self._face(image, found)
        if face is None or face.presence <= PRESENCE_CONFIDENCE or same_as_any(face.mesh, have):
            return None
        return face

    def _face(self, image: Image, found: Detection) -> Face | None:
        """Return the face of a detection, whichever side is up; None if the detector is unsure."""
        face = self._landmarks(image, found.region)
        region = found.region
        if is_doubtful(found, face):
            region = turned_region(self._detector, image, region, DETECTION_CONFIDENCE)
        if region != found.region:
            return self._landmarks(image, region)
        sure = found.score >= DETECTION_CONFIDENCE
        return replace(face, keypoints=found.keypoints) if sure else None

    def close(self) -> None:
        """Free the networks; later calls raise RuntimeError."""
        if self._lock.close():
            del self._detector, self._landmarks
