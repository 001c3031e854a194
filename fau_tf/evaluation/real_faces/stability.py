"""How far the intensities move when the same face is presented differently."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.evaluation.real_faces.faces import PhotoFace
from fau_tf.face.align import crop_matrix
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.inference.interpreter import AUInterpreter

Array = npt.NDArray[Any]
SHIFT: Final = 4.0  # px of the crop
SCALE: Final = 0.05
LIGHT: Final = 0.2


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


def aligned_crops(faces: Sequence[PhotoFace], size: int) -> Array:
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
    for crop in aligned_crops(faces, info.image_size):
        maps = model(crop)[1]
        mirrored = model(np.ascontiguousarray(crop[:, ::-1]))[1][:, ::-1][..., partner]
        differences.append(np.abs(maps - mirrored).max(axis=(0, 1)).mean())
    return float(np.mean(differences))
