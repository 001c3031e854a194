"""Real faces, which have no labels here: what must hold without any.

agreement: an AU beside the blendshape that it should move, over all photos.
perturbed: a mirrored, shifted, scaled, brighter or darker face keeps its AUs.
painted: landmarks are moved as an AU would, the picture with them: the AU rises, others don't.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from fau_tf import facs
from fau_tf.evaluation import alignment_jitter, blendshapes
from fau_tf.evaluation.cross_rig import Array
from fau_tf.face.align import crop_matrix, transform
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.mediapipe_landmarks import MediaPipeLandmarks, ibug68
from fau_tf.inference.estimator import AUEstimator
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.io.images import read_image
from fau_tf.outputs.annotate import annotate
from fau_tf.outputs.drawing import save_picture

SHIFT: Final = 4.0  # px of the crop
SCALE: Final = 0.05
LIGHT: Final = 0.2
MOUTH: Final = (45, 20, 20)  # RGB of an open mouth
WIDE: Final = 256  # px of the crop that is warped
_FACES: Final = 3  # that a cut-out of one may show
BROWS, INNER, OUTER = range(17, 27), (20, 21, 22, 23), (17, 18, 19, 24, 25, 26)
CORNERS, UPPER, LOWER = (48, 54, 60, 64), (*range(49, 54), 61, 62, 63), (*range(55, 60), 65, 66, 67)
LIDS, JAW, BOSS = (37, 38, 43, 44), range(5, 12), (7, 8, 9)


@dataclass(frozen=True)
class Paint:
    """A way in which a face is warped.

    Attributes:
        name: What is seen.
        aus: Those that must rise.
        related: Others that may.
        moves: (landmarks, outwards, down) in outer eye distances.
        opens: Whether what comes apart between the lips is dark, and what was there stays.
    """

    name: str
    aus: tuple[int, ...]
    related: tuple[int, ...]
    moves: tuple[tuple[Sequence[int], float, float], ...]
    opens: bool = False


# about as far as the AU moves them at grade 4 on the faces that we make; a part of a brow is all
# of its points, for a brow with a kink is no AU
PAINTS: Final = (
    Paint("brows up", (1, 2), (5,), ((BROWS, 0.0, -0.10),)),
    Paint("inner brows up", (1,), (2, 4, 15), ((INNER, 0.0, -0.10),)),
    Paint("outer brows up", (2,), (1, 5), ((OUTER, 0.0, -0.10),)),
    Paint("brows down", (4,), (6, 9), ((BROWS, 0.0, 0.07), (INNER, -0.03, 0.0))),
    Paint("upper lids up", (5,), (1, 2), ((LIDS, 0.0, -0.04),)),
    Paint("corners up", (12,), (6, 10, 14, 25), ((CORNERS, 0.06, -0.08),)),
    Paint("corners down", (15,), (14, 17), ((CORNERS, 0.04, 0.08),)),
    Paint("corners out", (20,), (12, 14, 25), ((CORNERS, 0.10, 0.02),)),
    Paint("upper lip up", (10,), (9, 25), ((UPPER, 0.0, -0.06),)),
    Paint("lower lip down", (25,), (20, 26), ((LOWER, 0.0, 0.07),), opens=True),
    Paint("jaw down", (26,), (25,), ((LOWER, 0.0, 0.15), (JAW, 0.0, 0.18)), opens=True),
    Paint("chin up", (17,), (15, 14), ((LOWER, 0.0, -0.06), (BOSS, 0.0, -0.06))),
)


@dataclass(frozen=True, eq=False)
class Photo:
    """One face of a photo.

    Attributes:
        name: Of the file, and which face.
        image: (H, W, 3) around it.
        landmarks: (68, 2) found there.
    """

    name: str
    image: Array
    landmarks: Array


def photos(folder: Path | None) -> list[Photo]:
    """Return the sample photo's face and those of a folder of dlib's example faces."""
    sources = [("astronaut", read_image(alignment_jitter.SAMPLE))]
    if folder:
        marked = alignment_jitter.marked_faces(folder)
        sources += [(f"photo {i}", part) for i, (part, _, _) in enumerate(marked)]
    found = []
    with MediaPipeLandmarks(num_faces=_FACES, divisions=(1,)) as finder:
        for name, image in sources:
            middle = np.array(image.shape[1::-1]) / 2
            meshes = sorted(
                finder.find(image), key=lambda m: float(np.hypot(*(m.mean(axis=0) - middle)))
            )
            found += [Photo(name, image, ibug68(mesh)) for mesh in meshes[:1]]
    return found


def agreement(faces: Sequence[Photo], read: Array) -> dict[str, Any]:
    """Return per AU the correlation with its blendshapes over the photos, and their mean.

    Args:
        faces: P of them.
        read: (P, 14) intensities.
    """
    with blendshapes.Reader(_FACES) as reader:
        scores = np.stack([reader.scores(f.image, f.landmarks.mean(axis=0)) for f in faces])
        names = reader.names
    seen = np.isfinite(scores[:, 0])
    return {"faces": int(seen.sum()), **correlations(read[seen], names, scores[seen])}


def correlations(read: Array, names: Sequence[str], scores: Array) -> dict[str, Any]:
    """Return per AU the correlation with its blendshapes, and their mean.

    Args:
        read: (P, 14) intensities.
        names: Of the blendshapes.
        scores: (P, 52) of the same faces.
    """
    rows = {
        facs.AUS[au].label: correlation(read[:, a], blendshapes.sign(au, names, scores))
        for a, au in enumerate(facs.ALL)
    }
    known = [value for value in rows.values() if np.isfinite(value)]
    return {"per_au": rows, "mean": float(np.mean(known))}


def perturbed(model: AUInterpreter, faces: Sequence[Photo], read: Array) -> dict[str, Any]:
    """Return the 95th percentile of how far an intensity moves, by what was done to the face."""
    size = model.info.image_size
    moved: dict[str, list[Array]] = {}
    for face, before in zip(faces, read, strict=True):
        for name, crop in _variants(face, size):
            moved.setdefault(name, []).append(np.abs(model(crop)[0] - before))
    rows = {
        name: {"p95": float(np.quantile(change, 0.95)), "mean": float(np.mean(change))}
        for name, change in ((name, np.stack(all_)) for name, all_ in moved.items())
    }
    return {"faces": len(faces), "rows": rows, "mirrored_maps": _mirrored_maps(model, faces)}


def painted(model: AUInterpreter, faces: Sequence[Photo]) -> list[dict[str, Any]]:
    """Return how the AUs move for each of `PAINTS`, medians over the faces.

    Only over those on which they are at half their scale or below: a full smile can't smile more.
    """
    size = model.info.image_size
    rows = []
    for paint in PAINTS:
        rises = []
        at = [facs.ALL.index(au) for au in paint.aus]
        for face in faces:
            wide = fast_crop(face.image, crop_matrix(face.landmarks, WIDE), WIDE)
            points = transform(crop_matrix(face.landmarks, WIDE), face.landmarks)
            plain, warped = (_small(picture, size) for picture in (wide, warp(wide, points, paint)))
            before = model(plain)[0]
            if before[at].max() <= facs.MAX_INTENSITY / 2:
                rises.append(model(warped)[0] - before)
        if not rises:
            continue
        rise = np.stack(rises)  # (P, A)
        own = rise[:, at]
        others = [au for au in facs.ALL if au not in (*paint.aus, *paint.related)]
        other = rise[:, [facs.ALL.index(au) for au in others]]
        middle = np.median(other, axis=0)
        rows.append(
            {
                "paint": paint.name,
                "faces": len(rise),
                "aus": {
                    facs.AUS[au].label: float(np.median(own[:, i]))
                    for i, au in enumerate(paint.aus)
                },
                "risen": float((own.min(axis=1) >= 1).mean()),
                "largest_other": [
                    facs.AUS[others[int(middle.argmax())]].label,
                    float(middle.max()),
                ],
                "ahead": float((own.min(axis=1) > other.max(axis=1)).mean()),
            }
        )
    return rows


def warp(picture: Array, points: Array, paint: Paint) -> Array:
    """Return the picture with its landmarks moved, thin plates between them.

    Args:
        picture: (S, S, 3).
        points: (68, 2) px.
        paint: Which move, and where to.
    """
    unit = float(np.hypot(*(points[45] - points[36])))
    middle = points[27, 0]
    move = np.zeros_like(points)
    for which, out, down in paint.moves:
        for i in which:
            side = np.sign(points[i, 0] - middle)
            move[i] += np.array((side * out, down)) * unit
    size = len(picture)
    edge = np.linspace(0, size - 1, 7)
    border = np.array([(x, y) for x in edge for y in edge if {x, y} & {edge[0], edge[-1]}])
    to = np.concatenate([points + move, border])
    back = np.concatenate([-move, np.zeros_like(border)])
    inside = (to >= 0).all(axis=1) & (to <= size - 1).all(axis=1)
    to, at = np.unique(np.round(to[inside], 3), axis=0, return_index=True)
    field = RBFInterpolator(to, back[inside][at], smoothing=1e-3)
    coarse = np.linspace(0, size - 1, 33)
    grid = np.stack(np.meshgrid(coarse, coarse), axis=-1).reshape(-1, 2)
    shift = cv2.resize(field(grid).reshape(33, 33, 2).astype(np.float32), (size, size))
    here = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1).astype(np.float32)
    moved = cv2.remap(
        picture, here + shift, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return _opened(picture, moved, points, points + move) if paint.opens else moved


def _opened(picture: Array, moved: Array, before: Array, after: Array) -> Array:
    """Return the moved picture with the gap between the lips dark; what was there is as it was."""
    gap, mouth = (_mask(picture.shape[:2], points[60:68]) for points in (after, before))
    dark = moved * (1 - gap) + np.array(MOUTH, np.float32) * gap
    return (dark * (1 - mouth) + picture * mouth).astype(np.uint8)


def _mask(shape: tuple[int, ...], outline: Array) -> Array:
    mask = np.zeros(shape, np.float32)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1.0)
    return cv2.GaussianBlur(mask, (0, 0), 1.0)[..., None]


def crops(faces: Sequence[Photo], size: int) -> Array:
    """Return (P, size, size, 3) the aligned faces."""
    return np.stack([fast_crop(f.image, crop_matrix(f.landmarks, size), size) for f in faces])


def _variants(face: Photo, size: int) -> Iterator[tuple[str, Array]]:
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
        yield f"light {LIGHT:.0%} off", lit
    yield "mirrored", np.ascontiguousarray(plain[:, ::-1])


def _mirrored_maps(model: AUInterpreter, faces: Sequence[Photo]) -> float:
    """Return the mean absolute difference of a face's maps and its mirror's, mirrored back."""
    info = model.info
    swapped = {"left": "right", "right": "left"}
    names = [name.rpartition("_") for name in info.centers]
    partner = [info.centers.index(f"{au}_{swapped.get(side, side)}") for au, _, side in names]
    apart = []
    for crop in crops(faces, info.image_size):
        maps = model(crop)[1]
        other = model(np.ascontiguousarray(crop[:, ::-1]))[1][:, ::-1][..., partner]
        apart.append(np.abs(maps - other).max(axis=(0, 1)).mean())
    return float(np.mean(apart))


def _small(picture: Array, size: int) -> Array:
    scale = size / len(picture)
    matrix = np.array(((scale, 0, 0.5 * scale - 0.5), (0, scale, 0.5 * scale - 0.5)))
    return fast_crop(picture, matrix, size)


def correlation(ours: Array, theirs: Array) -> float:
    """Return Pearson's; 0 if ours stays where theirs moves, NaN if theirs never does."""
    if np.ptp(theirs) < 1e-3:  # a blendshape that never moves says nothing
        return float("nan")
    return float(np.corrcoef(ours, theirs)[0, 1]) if np.ptp(ours) else 0.0


def draw_all(folder: Path, model: Path, faces: Sequence[Photo]) -> None:
    """Draw what is read from each photo, into a folder that stays out of the repository."""
    folder.mkdir(parents=True, exist_ok=True)
    with AUEstimator(model, num_faces=1) as estimator:
        for face in faces:
            estimate = estimator.estimate(face.image)
            drawn = annotate(face.image, estimate, estimator.info)
            file = folder / f"{face.name.replace(' ', '_')}.png"
            save_picture(file, drawn, estimator.info)
