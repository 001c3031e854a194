"""How far the intensities move when the same face is presented differently."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.evaluation.real_faces.face_reader import ReadFace
from fau_tf.face.align import crop_matrix
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.inference.interpreter import AUInterpreter
from fau_tf.metrics.bootstrap import figure_intervals

Array = npt.NDArray[Any]
SHIFT: Final = 1 / 32
"""Share of the crop: 4 px of 128, 5 px of 160, the same movement of the face."""
SCALE: Final = 0.05
LIGHT: Final = 0.2
SHIFTED: Final = "shifted by 1/32 of the crop"
"""Name of a row, and so are the next."""
SCALED: Final = f"scaled by {SCALE:.0%}"
LIT: Final = f"{LIGHT:.0%} brighter or darker"
MIRRORED: Final = "mirrored"
PERCENTILE: Final = 0.95
"""Of the changes, which is reported beside their mean."""


@dataclass(frozen=True, eq=False)
class Changes:
    """How far one model's intensities move when faces are presented differently.

    Attributes:
        subjects: N names.
        aus: A numbers.
        moved: Change of the crop -> (N, variants, A) absolute differences.
        mirrored_maps: (N,) largest difference between a heatmap and that of the mirrored face,
            mirrored back, as a mean over AU centers.
    """

    subjects: Sequence[str]
    aus: Sequence[int]
    moved: Mapping[str, Array]
    mirrored_maps: Array


def read_changes(model: AUInterpreter, faces: Iterable[tuple[str, ReadFace]]) -> Changes:
    """Return how far intensities move; `faces` are subjects and faces, one at a time."""
    size, partner = model.info.image_size, _mirrored_centers(model)
    moved: dict[str, list[Array]] = {}
    subjects, map_changes = [], []
    for subject, face in faces:
        subjects.append(subject)
        plain = face.crop(size)
        before, maps = model(plain)
        of_face: dict[str, list[Array]] = {}
        for name, crop in _variants(face, plain, size):
            intensity, other = model(crop)
            of_face.setdefault(name, []).append(np.abs(intensity - before))
            if name == MIRRORED:
                back = other[:, ::-1][..., partner]
                map_changes.append(np.abs(maps - back).max(axis=(0, 1)).mean())
        for name, changes in of_face.items():
            moved.setdefault(name, []).append(np.stack(changes))  # (variants, A)
    return Changes(
        subjects=subjects,
        aus=model.info.aus,
        moved={name: np.stack(changes) for name, changes in moved.items()},
        mirrored_maps=np.array(map_changes),
    )


def stability(changes: Changes) -> dict[str, Any]:
    """Return figures of the changes.

    Returns:
        `faces`, their number; `rows`: change of the crop -> `mean` and `p95`, the 95th percentile,
        of the absolute difference, over faces and AUs, and the `p95_interval`; `mirrored_maps`:
        see `Changes`, as a mean over faces.
    """
    rows = {name: _row(moved, changes.subjects) for name, moved in changes.moved.items()}
    return {
        "faces": len(changes.subjects),
        "rows": rows,
        "mirrored_maps": float(np.mean(changes.mirrored_maps)),
    }


def _row(change: Array, subjects: Sequence[str]) -> dict[str, Any]:
    """Return the figures of one change of the crop; `change` is (N, variants, A)."""
    interval = figure_intervals(lambda of: np.quantile(change[of], PERCENTILE), subjects)
    return {
        "mean": float(change.mean()),
        "p95": float(np.quantile(change, PERCENTILE)),
        "p95_interval": interval.tolist(),
    }


def _variants(face: ReadFace, plain: Array, size: int) -> Iterator[tuple[str, Array]]:
    matrix = crop_matrix(face.landmarks, size)
    shift = SHIFT * size
    for dx, dy in ((shift, 0), (-shift, 0), (0, shift), (0, -shift)):
        moved = matrix + np.array(((0, 0, dx), (0, 0, dy)))
        yield SHIFTED, fast_crop(face.image, moved, size)
    middle = np.full(2, (size - 1) / 2)
    for factor in (1 - SCALE, 1 + SCALE):
        scaled = factor * matrix
        scaled[:, 2] += middle * (1 - factor)
        yield SCALED, fast_crop(face.image, scaled, size)
    for factor in (1 - LIGHT, 1 + LIGHT):
        yield LIT, np.clip(plain.astype(np.float32) * factor + 0.5, 0, 255).astype(np.uint8)
    yield MIRRORED, np.ascontiguousarray(plain[:, ::-1])


def _mirrored_centers(model: AUInterpreter) -> list[int]:
    """Return the place of each AU center's partner on the other side."""
    info = model.info
    other_side = {"left": "right", "right": "left"}
    names = [name.rpartition("_") for name in info.centers]
    return [info.centers.index(f"{au}_{other_side.get(side, side)}") for au, _, side in names]
