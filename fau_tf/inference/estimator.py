"""Photo or frame -> faces with AU intensities."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fau_tf.face.align import Image, Matrix, crop_matrix, invert, transform
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.au_centers import au_centers
from fau_tf.face.mediapipe_landmarks import NO_FACE, MediaPipeLandmarks, ibug68
from fau_tf.face.tiling import Mesh
from fau_tf.inference.face_search import FaceFollower, Trail, box, find_in_photo
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.inference.model_info import ModelInfo, default_model
from fau_tf.inference.quality import Quality, judge, look

__all__ = ["AUEstimator", "Estimate", "FaceResult", "Quality"]


@dataclass(frozen=True)
class FaceResult:
    """One face of a photo; points are (x, y) px of that photo.

    Attributes:
        box: Smallest box around the mesh points: x0, y0, x1, y1.
        landmarks: (68, 2) iBUG landmarks.
        centers: (K, 2) AU centers of the heatmap channels.
        intensity: AU label, e.g. `AU06`, -> intensity in 0 to 5; NaN where the face was not read.
        heatmaps: (h, w, K) in 0 to 5, over the aligned crop; NaN where the face was not read.
        matrix: (2, 3) photo px -> crop px.
        crop_size: Side of that crop, px.
        quality: How far to trust the intensities.
        reason: Why the face was not read, see `reliability`; empty where it was.
        face_id: In a photo, counts from 0, left to right; in a video, see `tracker`.
        smoothed: Intensities after smoothing, see `smoothing`; None without it.
        calibrated: `shown` after neutral calibration, see `calibration`; None without one.
        interval: AU label -> low and high end around `intensity`, see `fau_tf.conformal`; None
            where the model has none or the face was not read.
    """

    box: tuple[float, float, float, float]
    landmarks: npt.NDArray[np.float64]
    centers: npt.NDArray[np.float64]
    intensity: dict[str, float]
    heatmaps: npt.NDArray[np.float32]
    matrix: Matrix
    crop_size: int
    quality: Quality
    reason: str = ""
    face_id: int = 0
    smoothed: dict[str, float] | None = None
    calibrated: dict[str, float] | None = None
    interval: dict[str, tuple[float, float]] | None = None

    @property
    def shown(self) -> dict[str, float]:
        """What pictures show: the smoothed intensities where there are some, or the raw ones."""
        return self.intensity if self.smoothed is None else self.smoothed


@dataclass(frozen=True)
class Estimate:
    """What was read from a photo.

    Attributes:
        faces: Left to right.
        reason: Why there are none; empty where there are some.
    """

    faces: tuple[FaceResult, ...]
    reason: str = ""


class AUEstimator(AbstractContextManager["AUEstimator"]):
    """Finds every face and reads its AUs; use it in a `with` block, or call `close`.

    `estimate` is for photos: the same picture always gives the same result. `track` and `video` are
    for successive frames: they look where the faces were and give them ids. Values are never
    smoothed or carried from one frame to the next.

    Attributes:
        interpreter: The model.
    """

    def __init__(
        self, model: str | PathLike[str] | None = None, num_faces: int = 10, threads: int = 1
    ) -> None:
        """Load the model and the face landmarker.

        Args:
            model: An exported .tflite, with its JSON file beside it; the one that comes with the
                package by default.
            num_faces: At most this many faces of a picture are read, the largest ones.
            threads: CPU threads of the model. The small model takes 5.8 ms with one and 7.4 ms with
                two of two cores: its layers are too small to share.

        Raises:
            ModelError: If the model can't be used.
            FileNotFoundError: If the landmarker's bundle is missing.
            ValueError: If that bundle is corrupt, or a number is not positive.
            MissingLibraryError: If a library is missing.
        """
        path = default_model() if model is None else Path(model)
        self.interpreter = AUInterpreter(path, threads)
        self._finder = MediaPipeLandmarks(num_faces, divisions=(1,))
        self._follower = FaceFollower(self._finder)

    def estimate(self, image: Image) -> Estimate:
        """Return the faces of a photo, left to right, or the reason why there are none.

        Args:
            image: (H, W, 3) RGB uint8.

        Raises:
            ValueError: If the image is not (H, W, 3) uint8.
        """
        meshes = find_in_photo(self._finder, image)
        return self._read_all(image, meshes, range(len(meshes)))

    def track(self, image: Image) -> Estimate:
        """Return the faces of the next frame of a video, with ids; see `restart`.

        Args:
            image: (H, W, 3) RGB uint8.

        Raises:
            ValueError: If the image is not (H, W, 3) uint8.
        """
        return self._read_all(image, *self._follower.find(image))

    def restart(self, trail: Trail | None = None) -> None:
        """Begin another video, or go on with one: ids count from 0 again.

        Args:
            trail: What is known of the frames before; `track` knows no faces without it.
        """
        self._follower = FaceFollower(self._finder, trail)

    @property
    def trail(self) -> Trail:
        """What the next call of `track` knows of the frames before."""
        return self._follower.trail

    def video(self, images: Iterable[Image]) -> Iterator[Estimate]:
        """Yield what `track` returns for each frame of a new video, faster.

        While the AUs of one frame are read, the next frame is taken from `images` and its faces are
        found, on a second core; so an estimate comes when the frame after it has been taken. Where
        `images` raises, the frames before it have been yielded.
        """
        self.restart()
        with ThreadPoolExecutor(1, "read") as pool:
            pending: Future[Estimate] | None = None
            try:
                for image in images:
                    found = self._follower.find(image)
                    earlier = pending
                    pending = pool.submit(self._read_all, image, *found)
                    if earlier:
                        yield earlier.result()
            except Exception:
                if pending:
                    yield pending.result()
                raise
            if pending:
                yield pending.result()

    def _read_all(self, image: Image, meshes: Iterable[Mesh], ids: Iterable[int]) -> Estimate:
        faces = tuple(self._read(image, *face) for face in zip(meshes, ids, strict=True))
        return Estimate(faces, "" if faces else NO_FACE)

    def _read(self, image: Image, mesh: Mesh, face_id: int) -> FaceResult:
        info = self.interpreter.info
        landmarks = ibug68(mesh)
        matrix = crop_matrix(landmarks, info.image_size)
        seen = look(image, mesh, landmarks)
        if seen.reason:
            intensity = np.full(len(info.aus), np.nan, np.float32)
            side = info.heatmap_size
            heatmaps = np.full((side, side, len(info.centers)), np.nan, np.float32)
        else:
            intensity, heatmaps = self.interpreter(fast_crop(image, matrix, info.image_size))
        # The centers are those of the crop, where the face is upright, as in training.
        centers = au_centers(transform(matrix, landmarks), info.aus, info.rule)
        return FaceResult(
            box=box(mesh),
            landmarks=landmarks,
            centers=transform(invert(matrix), centers),
            intensity=dict(zip(info.labels, intensity.tolist(), strict=True)),
            heatmaps=heatmaps,
            matrix=matrix,
            crop_size=info.image_size,
            quality=judge(seen, None if seen.reason else heatmaps),
            reason=seen.reason,
            face_id=face_id,
            interval=None if seen.reason else _interval(info, intensity),
        )

    def close(self) -> None:
        """Free the landmarker."""
        self._finder.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def _interval(
    info: ModelInfo, intensity: npt.NDArray[np.float32]
) -> dict[str, tuple[float, float]] | None:
    if info.intervals is None:
        return None
    low, high = info.intervals.around(intensity)
    ends = zip(low.tolist(), high.tolist(), strict=True)
    return dict(zip(info.labels, ends, strict=True))
