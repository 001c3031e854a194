"""Photo or frame -> faces with AU intensities."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fau_tf.face.align import Image, Matrix, crop_matrix, invert, transform
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.au_centers import au_centers
from fau_tf.face.landmarker import LITERT, open_landmarker
from fau_tf.face.mesh import NO_FACE, Face, ibug68
from fau_tf.face.tiling import Box, bounding_box
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.inference.model_info import ModelInfo, default_model
from fau_tf.inference.quality import Quality, measure, peakedness
from fau_tf.inference.sides import Sides, asymmetry, side_channels, side_intensities
from fau_tf.inference.tracking import FaceTracker, TrackState
from fau_tf.io.images import ImageSource, as_image, as_picture
from fau_tf.utils.console import quiet_native_code
from fau_tf.utils.native_lock import NativeLock

__all__ = ["AUEstimator", "Estimate", "FaceResult", "ImageSource", "Quality"]

PRESENT_FROM: Final = 1.0
"""Intensity from which an AU counts as present: FACS intensity A."""


@dataclass(frozen=True, repr=False, eq=False)
class FaceResult:
    """One face of a photo; points are (x, y) px of that photo. Equal to itself only.

    Attributes:
        box: Smallest box around the mesh points: x0, y0, x1, y1.
        landmarks: (68, 2) iBUG landmarks.
        centers: (K, 2) AU centers of the heatmap channels.
        intensity: AU label, e.g. `AU06`, -> intensity in 0 to 5; NaN if the face was not read.
        heatmaps: (h, w, K) in 0 to 5, over the aligned crop; NaN if the face was not read.
        matrix: (2, 3) photo px -> crop px.
        crop_size: Side of that crop, px.
        quality: Measures of the face, with flags and a score.
        face_id: In a photo, counts from 0, left to right; in a video, see `FaceTracker`.
        interval: AU label -> low and high end of the conformal prediction interval; None if the
            model has none or the face was not read.
        low_reliability: Labels of the AUs whose intensities should not be relied on.
        smoothed: Intensities after smoothing; None without it.
        above_neutral: `shown` minus the neutral baseline; None without one.
        sides: AU label -> raw intensities of the face's own left and right, of AUs with a center on
            each side; their mean is the intensity. NaN if the face was not read.
        eye_closure: Share of the last seconds with closed eyes, see `derived.EyeClosure`; None
            unless asked for.
    """

    box: Box
    landmarks: npt.NDArray[np.float64]
    centers: npt.NDArray[np.float64]
    intensity: dict[str, float]
    heatmaps: npt.NDArray[np.float32]
    matrix: Matrix
    crop_size: int
    quality: Quality
    face_id: int = 0
    interval: dict[str, tuple[float, float]] | None = None
    low_reliability: tuple[str, ...] = ()
    smoothed: dict[str, float] | None = None
    above_neutral: dict[str, float] | None = None
    sides: dict[str, Sides] = field(default_factory=dict)
    eye_closure: float | None = None

    @property
    def reason(self) -> str:
        """Why the AUs were not read; empty if they were."""
        return self.quality.reason

    @property
    def shown(self) -> dict[str, float]:
        """What pictures show: the smoothed intensities if there are any, or the raw ones."""
        return self.intensity if self.smoothed is None else self.smoothed

    @property
    def asymmetry(self) -> dict[str, float]:
        """AU label -> (L - R) / (L + R) of `sides`, see `sides.asymmetry`."""
        return {label: asymmetry(both) for label, both in self.sides.items()}

    def __repr__(self) -> str:
        """Return id, box, quality score and the AUs that are present."""
        place = "{:.0f}, {:.0f}, {:.0f}, {:.0f}".format(*self.box)
        present = [f"{au} {x:.1f}" for au, x in self.intensity.items() if x >= PRESENT_FROM]
        found = self.reason or ", ".join(present) or "no AU present"
        quality = f"quality={self.quality.score:.2f}"
        return f"<FaceResult {self.face_id} box=({place}) {quality}: {found}>"


@dataclass(frozen=True, repr=False, eq=False)
class Estimate:
    """The faces of a photo or frame. Equal to itself only.

    Attributes:
        faces: Left to right.
        reason: Why there are none; empty if there are some.
        flags: Assumptions that a photo's file was read with, e.g. `bit depth assumed`.
        after_cut: Whether a cut of the video lies before this frame: all its faces have new ids.
    """

    faces: tuple[FaceResult, ...] = ()
    reason: str = ""
    flags: tuple[str, ...] = ()
    after_cut: bool = False

    def __repr__(self) -> str:
        """Return the faces, or the reason why there are none."""
        return f"<Estimate: {self.reason or ', '.join(map(repr, self.faces))}>"


class AUEstimator(AbstractContextManager["AUEstimator"]):
    """Finds every face and estimates its AU intensities; use it in a `with` block, or `close` it.

    `estimate` is for photos: the same picture always gives the same result. `track` and `video` are
    for successive frames: they look where the faces were and give them ids. Values are never
    smoothed or carried from one frame to the next.

    Threads may share one estimator for photos and for videos (`video`), each of its own; the
    networks are used in turn. `track` follows one video. After `close`, and in a forked process,
    every call raises RuntimeError.

    Attributes:
        interpreter: Runs the model.
    """

    def __init__(
        self,
        model: str | PathLike[str] | None = None,
        num_faces: int = 10,
        threads: int = 1,
        landmarker: str = LITERT,
    ) -> None:
        """Load the model and the face landmarker.

        Args:
            model: An exported .tflite with its JSON file beside it; the packaged one by default.
            num_faces: At most this many faces of a picture are read: of a photo the largest; of a
                video those found first, until one is lost.
            threads: CPU threads of the model. The packaged one takes 13.8 ms a face with one thread
                and 8.5 ms with two, on two cores. `video` reads the AUs of a frame while the faces
                of the next are found, also with one.
            landmarker: "litert", or "mediapipe": the same networks on MediaPipe's runtime, which
                contacts a usage-metrics server (SECURITY.md).

        Raises:
            ModelError: If the model can't be used.
            FileNotFoundError: If the landmarker's bundle is missing.
            ValueError: If that bundle is corrupt, or a number is not positive.
            MissingLibraryError: If a library is missing.
        """
        path = default_model() if model is None else Path(model)
        with quiet_native_code():
            self.interpreter = AUInterpreter(path, threads)
            self._landmarker = open_landmarker(landmarker, num_faces)
            # The first search allocates memory, and MediaPipe writes its last notices.
            self._landmarker.find_faces(np.zeros((1, 1, 3), np.uint8))
        self._side_channels = side_channels(self.info.aus, self.info.rule)
        self._tracker: FaceTracker | None = None
        self._lock = NativeLock("AUEstimator")

    @property
    def info(self) -> ModelInfo:
        """What the model's JSON file says."""
        return self.interpreter.info

    def __repr__(self) -> str:
        """Return the model in short, and how many faces are read."""
        return f"<AUEstimator num_faces={self._landmarker.num_faces} {self.info!r}>"

    def estimate(self, image: ImageSource) -> Estimate:
        """Return the faces of a photo, left to right, or the reason why there are none.

        Args:
            image: A path, a Pillow image, or an (H, W, 3) RGB uint8 array.

        Raises:
            TypeError: If it is anything else.
            UnreadableError: If the file or the Pillow image can't be read.
            ValueError: If it is another array.
            RuntimeError: After `close`, or in a forked process.
        """
        self._lock.require_usable()
        picture = as_picture(image)
        faces = self._landmarker.find_faces(picture.image)
        found = self._read_all(picture.image, faces, range(len(faces)), False)
        return replace(found, flags=picture.flags)

    def track(self, image: ImageSource) -> Estimate:
        """Return the faces of the next frame of a video, with ids; see `restart`.

        Args:
            image: As for `estimate`, with the same errors.
        """
        self._lock.require_usable()
        pixels = as_image(image)
        return self._read_all(pixels, *self._tracking().find(pixels))

    def restart(self, state: TrackState | None = None) -> None:
        """Begin another video, or resume one: ids count from 0 again.

        Args:
            state: What is known of the frames before; `track` knows no faces without it.
        """
        self._tracker = FaceTracker(self._landmarker, state)

    @property
    def track_state(self) -> TrackState:
        """What the next call of `track` knows of the frames before."""
        return self._tracking().state

    def video(self, images: Iterable[Image]) -> Iterator[Estimate]:
        """Yield what `track` returns for each frame of a new video, faster; `track` is unaffected.

        While the AUs of one frame are read, the next frame is taken from `images` and its faces are
        found, on a second core; so an estimate comes after the next frame was taken. If `images`
        raises, the frames before it have been yielded.
        """
        self._lock.require_usable()
        tracker = FaceTracker(self._landmarker)
        with ThreadPoolExecutor(1, "read") as pool:
            pending: Future[Estimate] | None = None
            try:
                for image in images:
                    found = tracker.find(image)
                    earlier = pending
                    # A copy, since the caller may decode the next frame into the same buffer:
                    # 0.6 ms at 1920 x 1080.
                    pending = pool.submit(self._read_all, image.copy(), *found)
                    if earlier:
                        yield earlier.result()
            except Exception:
                if pending:
                    yield pending.result()
                raise
            if pending:
                yield pending.result()

    def _tracking(self) -> FaceTracker:
        if self._tracker is None:
            self._tracker = FaceTracker(self._landmarker)
        return self._tracker

    def _read_all(
        self, image: Image, faces: Iterable[Face], ids: Iterable[int], after_cut: bool
    ) -> Estimate:
        results = tuple(self._read(image, *one) for one in zip(faces, ids, strict=True))
        return Estimate(results, "" if results else NO_FACE, after_cut=after_cut)

    def _read(self, image: Image, face: Face, face_id: int) -> FaceResult:
        info, mesh = self.info, face.mesh
        landmarks = ibug68(mesh)
        matrix = crop_matrix(landmarks, info.image_size)
        crop = fast_crop(image, matrix, info.image_size)
        quality = measure(image, mesh, landmarks, matrix, crop, face.presence)
        if quality.reason:
            intensity = np.full(len(info.aus), np.nan, np.float32)
            side = info.heatmap_size
            heatmaps = np.full((side, side, len(info.centers)), np.nan, np.float32)
        else:
            intensity, heatmaps = self.interpreter(crop)
            quality = replace(quality, peakedness=peakedness(heatmaps))
        # The centers are those of the crop, where the face is upright, as in training.
        centers = au_centers(transform(matrix, landmarks), info.aus, info.rule)
        return FaceResult(
            box=bounding_box(mesh),
            landmarks=landmarks,
            centers=transform(invert(matrix), centers),
            intensity=dict(zip(info.labels, intensity.tolist(), strict=True)),
            heatmaps=heatmaps,
            matrix=matrix,
            crop_size=info.image_size,
            quality=quality,
            face_id=face_id,
            interval=None if quality.reason else info.interval(intensity),
            low_reliability=tuple(sorted(info.low_reliability)),
            sides=side_intensities(heatmaps, self._side_channels),
        )

    def close(self) -> None:
        """Free the landmarker; later calls raise RuntimeError."""
        self._lock.close()
        self.interpreter.close()
        self._landmarker.close()

    def __exit__(self, *_: object) -> None:
        self.close()
