"""Checks on real faces without labels: blendshape correlation, stability and edited AUs.

- Blendshapes: an AU correlates with the blendshapes that it moves, over photos and over a video.
- Stability: a mirrored, shifted, scaled, brighter or darker face keeps its intensities.
- Edits: an AU that is edited into a photo rises, and unrelated AUs don't (`photo_edits`).
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from fau_tf import facs
from fau_tf.evaluation import photo_edits
from fau_tf.evaluation.blendshapes import BlendshapeReader, correlations
from fau_tf.evaluation.photo_edits import AUEdit
from fau_tf.face.align import crop_matrix, transform
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.mediapipe_landmarks import MediaPipeLandmarks, ibug68
from fau_tf.inference.estimator import AUEstimator
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.io.images import read_image
from fau_tf.io.videos import VideoFile
from fau_tf.outputs.annotate import annotate
from fau_tf.outputs.drawing import save_picture

Array = npt.NDArray[Any]
SHIFT: Final = 4.0  # px of the crop
SCALE: Final = 0.05
LIGHT: Final = 0.2
FRAMES_A_SECOND: Final = 3  # of a video: more change the correlation little
MOST_FACES: Final = 3  # that the part of a photo around one face may show
_EDITED_SIZE: Final = 256  # px of the crop that is edited
_PART_WIDTH: Final = 288  # px of the part of a photo around one face
_MARGIN: Final = 0.6  # of the annotated face's width, on each side


@dataclass(frozen=True, eq=False)
class PhotoFace:
    """One face of a photo.

    Attributes:
        name: Of the photo.
        image: (H, W, 3) around the face.
        landmarks: (68, 2) found there, px.
    """

    name: str
    image: Array
    landmarks: Array


def evaluate_photos(
    model: Path, folder: Path, sample: Path | None, pictures: Path | None = None
) -> dict[str, Any]:
    """Return the figures of all checks on photos.

    Args:
        model: An exported .tflite.
        folder: Of dlib's annotated example faces.
        sample: One more photo.
        pictures: Folder for annotated pictures of the faces.
    """
    reader = AUInterpreter(model)
    faces = photo_faces(folder, sample)
    predicted = np.stack([reader(crop)[0] for crop in _crops(faces, reader.info.image_size)])
    if pictures:
        _annotate(pictures, model, faces)
    return {
        "model": model.name,
        "blendshapes": _blendshape_correlations(faces, predicted),
        "stability": stability(reader, faces, predicted),
        "edited": edited_rises(reader, faces),
    }


def annotated_faces(folder: Path) -> Iterator[tuple[Array, Array]]:
    """Yield the part of a photo around each annotated face, and (68, 2) annotations there, px.

    Raises:
        FileNotFoundError: If the folder has no *_with_face_landmarks.xml.
    """
    lists = sorted(folder.glob("*_with_face_landmarks.xml"))
    if not lists:
        raise FileNotFoundError(
            f"{folder}: no *_with_face_landmarks.xml found. Give dlib's folder of example faces."
        )
    for entry in (entry for file in lists for entry in ET.parse(file).getroot().iter("image")):
        photo = read_image(folder / str(entry.get("file")))
        for box in entry.iter("box"):
            points = {int(p.get("name", -1)): (p.get("x"), p.get("y")) for p in box.iter("part")}
            if len(points) == 68:
                yield _part(photo, np.array([points[i] for i in range(68)], np.float64))


def _part(photo: Array, points: Array) -> tuple[Array, Array]:
    margin = _MARGIN * np.ptp(points[:, 0])
    low = np.maximum(points.min(axis=0) - margin, 0).astype(int)
    high = (points.max(axis=0) + margin).astype(int)
    part = photo[low[1] : high[1], low[0] : high[0]]
    factor = _PART_WIDTH / part.shape[1]
    width, height = (round(side * factor) for side in part.shape[1::-1])
    resized = np.array(Image.fromarray(part).resize((width, height), Image.Resampling.BICUBIC))
    return resized, (points - low + 0.5) * (width / part.shape[1]) - 0.5


def photo_faces(folder: Path | None, sample: Path | None) -> list[PhotoFace]:
    """Return the face in the middle of the sample photo and of each part of an annotated photo."""
    sources = [("sample", read_image(sample))] if sample else []
    if folder:
        sources += [(f"photo {i}", part) for i, (part, _) in enumerate(annotated_faces(folder))]
    found = []
    with MediaPipeLandmarks(num_faces=MOST_FACES, divisions=(1,)) as finder:
        for name, image in sources:
            landmarks = central_face(finder, image)
            if landmarks is not None:
                found.append(PhotoFace(name, image, landmarks))
    return found


def central_face(finder: MediaPipeLandmarks, image: Array) -> Array | None:
    """Return the (68, 2) landmarks of the face nearest to the middle; None without a face."""
    middle = np.array(image.shape[1::-1]) / 2
    meshes = sorted(
        finder.find(image), key=lambda mesh: float(np.hypot(*(mesh.mean(axis=0) - middle)))
    )
    return ibug68(meshes[0]) if meshes else None


def _blendshape_correlations(faces: Sequence[PhotoFace], predicted: Array) -> dict[str, Any]:
    with BlendshapeReader(MOST_FACES) as reader:
        scores = np.stack([reader.scores(f.image, f.landmarks.mean(axis=0)) for f in faces])
        names = reader.names
    known = np.isfinite(scores[:, 0])
    return {"faces": int(known.sum()), **correlations(predicted[known], names, scores[known])}


def video_blendshapes(model: Path, path: Path) -> dict[str, Any]:
    """Return each AU's correlation with its blendshapes over a video's frames, and the mean.

    One subject has one neutral face, so this is easier than photos of many subjects.

    Raises:
        ValueError: If fewer than two frames show a face.
    """
    predicted, scores = [], []
    with (
        VideoFile(path) as video,
        AUEstimator(model, num_faces=1) as estimator,
        BlendshapeReader() as reader,
    ):
        for frame in video.frames(max(1, round(video.fps / FRAMES_A_SECOND))):
            faces = estimator.estimate(frame.image).faces
            shapes = reader.scores(frame.image)
            if faces and not faces[0].reason and np.isfinite(shapes[0]):
                predicted.append(faces[0].intensity)
                scores.append(shapes)
        names = reader.names
    if len(predicted) < 2:
        raise ValueError(
            f"{path}: a face was found in {len(predicted)} frames, and 2 are needed. Choose "
            "another video."
        )
    labels = [facs.AUS[au].label for au in facs.ALL]
    table = np.array([[intensity[label] for label in labels] for intensity in predicted])
    found = correlations(table, names, np.stack(scores))
    return {"video": path.name, "frames": len(predicted), **found}


def stability(model: AUInterpreter, faces: Sequence[PhotoFace], predicted: Array) -> dict[str, Any]:
    """Return how far an intensity moves when the same face is presented otherwise.

    Args:
        model: The model.
        faces: P of them.
        predicted: (P, A) intensities of their plain crops.

    Returns:
        `rows`: change of the crop -> `mean` and `p95`, the 95th percentile, of the absolute
        difference, over faces and AUs; `mirrored_maps`: the largest difference between a heatmap
        and that of the mirrored face, mirrored back, as a mean over AU centers and faces.
    """
    size = model.info.image_size
    moved: dict[str, list[Array]] = {}
    for face, before in zip(faces, predicted, strict=True):
        for name, crop in _variants(face, size):
            moved.setdefault(name, []).append(np.abs(model(crop)[0] - before))
    rows = {
        name: {"p95": float(np.quantile(change, 0.95)), "mean": float(np.mean(change))}
        for name, change in ((name, np.stack(changes)) for name, changes in moved.items())
    }
    return {"faces": len(faces), "rows": rows, "mirrored_maps": _mirrored_maps(model, faces)}


def edited_rises(model: AUInterpreter, faces: Sequence[PhotoFace]) -> list[dict[str, Any]]:
    """Return how the AUs rise for each of `photo_edits.EDITS`, one row an edit.

    Faces on which the AU is above half its scale already are left out of a row: a full smile can't
    grow.
    """
    rows = []
    for edit in photo_edits.EDITS:
        rises = [rise for face in faces if (rise := _rise(model, face, edit)) is not None]
        if rises:
            rows.append(_edit_row(edit, np.stack(rises)))
    return rows


def _rise(model: AUInterpreter, face: PhotoFace, edit: AUEdit) -> Array | None:
    """Return the (A,) rise of the intensities by an edit; None if the AU is high already."""
    matrix = crop_matrix(face.landmarks, _EDITED_SIZE)
    crop = fast_crop(face.image, matrix, _EDITED_SIZE)
    size = model.info.image_size
    before = model(_resized(crop, size))[0]
    if before[[facs.ALL.index(au) for au in edit.aus]].max() > facs.MAX_INTENSITY / 2:
        return None
    edited = photo_edits.edited(crop, transform(matrix, face.landmarks), edit)
    rise: Array = model(_resized(edited, size))[0] - before
    return rise


def _edit_row(edit: AUEdit, rise: Array) -> dict[str, Any]:
    """Return the figures of one edit; `rise` is (faces, A)."""
    own = rise[:, [facs.ALL.index(au) for au in edit.aus]]
    others = [au for au in facs.ALL if au not in (*edit.aus, *edit.related)]
    other = rise[:, [facs.ALL.index(au) for au in others]]
    median = np.median(other, axis=0)
    return {
        "edit": edit.name,
        "faces": len(rise),
        "median_rise": {
            facs.AUS[au].label: float(np.median(own[:, i])) for i, au in enumerate(edit.aus)
        },
        "share_risen_by_1": float((own.min(axis=1) >= 1).mean()),
        "largest_other": [facs.AUS[others[int(median.argmax())]].label, float(median.max())],
        "share_above_others": float((own.min(axis=1) > other.max(axis=1)).mean()),
    }


def _crops(faces: Sequence[PhotoFace], size: int) -> Array:
    """Return (P, size, size, 3) the aligned faces."""
    return np.stack([fast_crop(f.image, crop_matrix(f.landmarks, size), size) for f in faces])


def _variants(face: PhotoFace, size: int) -> Iterator[tuple[str, Array]]:
    matrix = crop_matrix(face.landmarks, size)
    for dx, dy in ((SHIFT, 0), (-SHIFT, 0), (0, SHIFT), (0, -SHIFT)):
        moved = matrix + np.array(((0, 0, dx), (0, 0, dy)))
        yield f"shifted by {SHIFT:g} px", fast_crop(face.image, moved, size)
    middle = np.full(2, (size - 1) / 2)
    for factor in (1 - SCALE, 1 + SCALE):
        scaled = factor * matrix
        scaled[:, 2] += middle * (1 - factor)
        yield f"scaled by {SCALE:.0%}", fast_crop(face.image, scaled, size)
    plain = fast_crop(face.image, matrix, size)
    for factor in (1 - LIGHT, 1 + LIGHT):
        lit = np.clip(plain.astype(np.float32) * factor + 0.5, 0, 255).astype(np.uint8)
        yield f"{LIGHT:.0%} brighter or darker", lit
    yield "mirrored", np.ascontiguousarray(plain[:, ::-1])


def _mirrored_maps(model: AUInterpreter, faces: Sequence[PhotoFace]) -> float:
    info = model.info
    other_side = {"left": "right", "right": "left"}
    names = [name.rpartition("_") for name in info.centers]
    partner = [info.centers.index(f"{au}_{other_side.get(side, side)}") for au, _, side in names]
    differences = []
    for crop in _crops(faces, info.image_size):
        maps = model(crop)[1]
        mirrored = model(np.ascontiguousarray(crop[:, ::-1]))[1][:, ::-1][..., partner]
        differences.append(np.abs(maps - mirrored).max(axis=(0, 1)).mean())
    return float(np.mean(differences))


def _resized(picture: Array, size: int) -> Array:
    scale = size / len(picture)
    matrix = np.array(((scale, 0, 0.5 * scale - 0.5), (0, scale, 0.5 * scale - 0.5)))
    return fast_crop(picture, matrix, size)


def _annotate(folder: Path, model: Path, faces: Sequence[PhotoFace]) -> None:
    """Write each photo with its intensities."""
    folder.mkdir(parents=True, exist_ok=True)
    with AUEstimator(model, num_faces=1) as estimator:
        for face in faces:
            estimate = estimator.estimate(face.image)
            picture = annotate(face.image, estimate, estimator.info)
            file = folder / f"{face.name.replace(' ', '_')}.png"
            save_picture(file, picture, estimator.info)
