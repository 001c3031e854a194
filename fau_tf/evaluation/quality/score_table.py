"""Error of the AUs and quality score of the same faces under degradations of growing strength."""

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.evaluation.quality.degradations import DEGRADATIONS
from fau_tf.face.align import Image, crop_matrix
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.landmarker import FaceLandmarker
from fau_tf.face.mesh import Face, ibug68
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.inference.quality import Quality, measure, peakedness
from fau_tf.io.images import read_image
from fau_tf.synthetic import sample
from fau_tf.synthetic.rigs.canonical import canonical_rig
from fau_tf.synthetic.scene.occluders.glasses import BLACK, LENS_SHAPES, Glasses
from fau_tf.synthetic.scene.occluders.hand import Hand
from fau_tf.synthetic.scene.scene import Scene, Variety

Array = npt.NDArray[Any]

FIRST_SUBJECT: Final = 892_000
"""Seed of the first synthetic subject; no data set and no training starts there."""
SIZE: Final = 384
"""px of a picture of one face."""
MARGIN: Final = 1.6
"""Of that picture around the aligned crop: the outer eye corners are 94 px apart."""
FRONTAL: Final = (0.0, 0.0, 0.0)
_MOST_FACES: Final = 3


@dataclass(frozen=True, eq=False)
class Reading:
    """What is read from one picture; the intensities also where the quality forbids them."""

    intensity: Array
    quality: Quality


@dataclass(frozen=True, eq=False)
class Picture:
    """One face: clean, and under one degradation after the other.

    Attributes:
        name: Of the face.
        clean: (H, W, 3) RGB uint8.
        variants: Degradation, strength and degraded picture; drawn when asked for.
    """

    name: str
    clean: Image
    variants: Callable[[Array], Iterator[tuple[str, float, Image]]]


class Reader(AbstractContextManager["Reader"]):
    """Reads the face in the middle of a picture, whatever its quality."""

    def __init__(self, model: Path) -> None:
        """Load the model and the landmarker."""
        self.model_path = model
        self.model = AUInterpreter(model)
        self._landmarker = FaceLandmarker(_MOST_FACES, divisions=(1,))

    def find(self, image: Image) -> Face | None:
        """Return the face nearest to the middle of a picture."""
        middle = np.array(image.shape[1::-1]) / 2
        faces = self._landmarker.find_faces(image)
        return min(
            faces,
            key=lambda face: float(np.hypot(*(face.mesh.mean(axis=0) - middle))),
            default=None,
        )

    def read(self, image: Image, face: Face) -> Reading:
        """Return intensities and quality of a face."""
        landmarks, size = ibug68(face.mesh), self.model.info.image_size
        matrix = crop_matrix(landmarks, size)
        crop = fast_crop(image, matrix, size)
        quality = measure(image, face.mesh, landmarks, matrix, crop, face.presence)
        intensity, heatmaps = self.model(crop)
        return Reading(np.asarray(intensity), replace(quality, peakedness=peakedness(heatmaps)))

    def __exit__(self, *_: object) -> None:
        self._landmarker.close()


def rendered_pictures(subjects: int, first: int = FIRST_SUBJECT) -> Iterator[Picture]:
    """Yield one face of each synthetic subject, by an ideal camera and without occluders.

    Every second one is frontal, and is turned as well.
    """
    rig = canonical_rig()
    for seed in range(first, first + subjects):
        scene = sample.sample_scene(
            rig, person_seed=seed, face_seed=seed, variety=Variety(occluders=False)
        )
        scene = replace(scene, camera=scene.camera.ideal(blur=0.6))
        if (seed - first) % 2 == 0:
            scene = replace(scene, pose=FRONTAL)
        yield Picture(f"subject {seed}", _rendered(scene), _rendered_variants(f"{seed}", scene))


def photo_pictures(files: Iterable[Path], reader: Reader) -> Iterator[Picture]:
    """Yield the face in the middle of each photo, on `SIZE` px; photos without one are left out."""
    for file in files:
        photo = read_image(file)
        face = reader.find(photo)
        if face is not None:
            part = fast_crop(photo, crop_matrix(ibug68(face.mesh), SIZE, MARGIN), SIZE)
            yield Picture(file.name, part, _variants(file.name, part))


def _rendered(scene: Scene, pose: Scene | None = None) -> Image:
    view = crop_matrix(sample.landmarks(pose or scene), SIZE, MARGIN)
    return np.asarray(sample.render(scene, size=SIZE, view=view))


def _variants(name: str, clean: Image) -> Callable[[Array], Iterator[tuple[str, float, Image]]]:
    def drawn(landmarks: Array) -> Iterator[tuple[str, float, Image]]:
        for row in DEGRADATIONS:
            for strength in row.strengths:
                rng = np.random.default_rng(zlib.crc32(f"{name} {row.name} {strength}".encode()))
                yield row.name, strength, row.change(clean, landmarks, strength, rng)

    return drawn


def _rendered_variants(
    name: str, scene: Scene
) -> Callable[[Array], Iterator[tuple[str, float, Image]]]:
    def drawn(landmarks: Array) -> Iterator[tuple[str, float, Image]]:
        yield from _variants(name, _rendered(scene))(landmarks)
        for row, change in SCENES.items():
            for strength in STRENGTHS[row] if scene.pose == FRONTAL or row not in POSES else ():
                yield row, strength, _rendered(change(scene, strength), scene)

    return drawn


def _with_yaw(scene: Scene, degrees: float) -> Scene:
    return replace(scene, pose=(degrees, 0.0, 0.0))


def _with_pitch(scene: Scene, degrees: float) -> Scene:
    return replace(scene, pose=(0.0, degrees, 0.0))


def _with_sunglasses(scene: Scene, shape: float) -> Scene:
    glasses = Glasses(int(shape), BLACK, True, 0.2)
    return replace(scene, occluders=replace(scene.occluders, glasses=glasses))


def _with_hand(scene: Scene, height: float) -> Scene:
    hand = Hand((-1.0, height), 90.0, 4, 7.0)
    return replace(scene, occluders=replace(scene.occluders, hand=hand))


SCENES: Final[dict[str, Callable[[Scene, float], Scene]]] = {
    "yaw, rendered": _with_yaw,
    "pitch, rendered": _with_pitch,
    "sunglasses, rendered": _with_sunglasses,
    "hand, rendered": _with_hand,
}
"""Degradation of a rendered scene -> scene and strength to scene."""
STRENGTHS: Final[dict[str, Sequence[float]]] = {
    "yaw, rendered": (10, 20, 30, 40, 45, 50),
    "pitch, rendered": (10, 20, 30, 40),
    "sunglasses, rendered": tuple(range(len(LENS_SHAPES))),
    "hand, rendered": (-9.0, -8.0, -7.0, -6.0, -5.0, -4.0, -2.0, 0.0),
}
POSES: Final = ("yaw, rendered", "pitch, rendered")
UNITS: Final = {row.name: row.unit for row in DEGRADATIONS} | {
    "yaw, rendered": "degrees",
    "pitch, rendered": "degrees",
    "sunglasses, rendered": "shape",
    "hand, rendered": "height of the fingertips, cm",
}


def score_table(reader: Reader, pictures: Iterable[Picture]) -> dict[str, Any]:
    """Return the rows of the table and the scores of the clean faces.

    Returns:
        `clean`: `faces`, and quantiles of the score, and how often each flag is raised. `rows`: for
        each degradation and strength, see `_row`.

    Raises:
        ValueError: If no picture shows a face.
    """
    clean: list[Quality] = []
    found: dict[tuple[str, float], list[tuple[Array, Quality] | None]] = {}
    for picture in pictures:
        face = reader.find(picture.clean)
        if face is None:
            continue
        before = reader.read(picture.clean, face)
        clean.append(before.quality)
        for row, strength, image in picture.variants(ibug68(face.mesh)):
            there = reader.find(image)
            case = None
            if there is not None:
                after = reader.read(image, there)
                case = (np.abs(after.intensity - before.intensity), after.quality)
            found.setdefault((row, strength), []).append(case)
    if not clean:
        raise ValueError(
            "A picture must show a face. Received: none that does. Give photos of one face each."
        )
    labels = reader.model.info.labels
    return {
        "clean": _clean(clean),
        "rows": [_row(*key, cases, labels) for key, cases in found.items()],
    }


def _clean(qualities: Sequence[Quality]) -> dict[str, Any]:
    scores = np.array([quality.score for quality in qualities])
    flags = Counter(flag for quality in qualities for flag in quality.flags)
    quantiles = {f"{q:g}": float(np.quantile(scores, q)) for q in (0, 0.05, 0.1, 0.5)}
    return {
        "faces": len(scores),
        "quantiles": quantiles,
        "share_from_0.9": float((scores >= 0.9).mean()),
        "flags": dict(flags.most_common()),
    }


def _row(
    name: str,
    strength: float,
    cases: Sequence[tuple[Array, Quality] | None],
    labels: Sequence[str],
) -> dict[str, Any]:
    """Return one strength of one degradation.

    Returns:
        `faces`, `found`; `error`, mean over faces and AUs; `worst`, the largest mean over faces of
        an AU, and `worst_au`; `score`, the median, `score_p90`, `score_below_0.9`; `not_read`, the
        share of faces that the quality refuses; `flag`, the most frequent one.
    """
    known = [case for case in cases if case is not None]
    entry: dict[str, Any] = {"name": name, "unit": UNITS[name], "strength": strength}
    entry |= {"faces": len(cases), "found": len(known)}
    if not known:
        return entry
    errors = np.stack([error for error, _ in known])
    scores = np.array([quality.score for _, quality in known])
    flags = Counter(quality.flags[0] for _, quality in known if quality.flags)
    by_au = errors.mean(axis=0)
    return entry | {
        "error": float(errors.mean()),
        "worst": float(by_au.max()),
        "worst_au": labels[int(by_au.argmax())],
        "score": float(np.median(scores)),
        "score_p90": float(np.quantile(scores, 0.9)),
        "score_below_0.9": float((scores < 0.9).mean()),
        "not_read": float(np.mean([bool(quality.reason) for _, quality in known])),
        "flag": flags.most_common(1)[0][0] if flags else "",
    }


def without_face(reader: Reader, file: Path) -> dict[str, Any]:
    """Return what is found in a picture without a human face: `name`, `found`, `scores`, `flags`.

    All of it and its parts are searched, as for a photo.
    """
    from fau_tf.inference.estimator import AUEstimator

    with AUEstimator(reader.model_path) as estimator:
        faces = estimator.estimate(file).faces
    return {
        "name": file.name,
        "found": len(faces),
        "scores": [face.quality.score for face in faces],
        "flags": [face.reason or ", ".join(face.quality.flags) for face in faces],
    }
