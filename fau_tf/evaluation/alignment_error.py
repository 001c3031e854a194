"""Error of the aligned crop of detected landmarks against the crop of annotated or exact ones.

`face.alignment_jitter` reproduces it on rendered faces; a new rig needs its row there.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.evaluation.real_faces.faces import MOST_FACES, annotated_faces, central_face
from fau_tf.face import alignment_jitter
from fau_tf.face.align import crop_matrix
from fau_tf.face.landmarker import FaceLandmarker
from fau_tf.synthetic import sample
from fau_tf.synthetic.rigs.rig import FaceRig

Array = npt.NDArray[Any]
SEED: Final = 890_000
"""Of the first synthetic subject; no data set starts there."""
_SIZE: Final = 1000  # px of a crop; only fractions of it count
_COLUMNS: Final = (("shift x", "%", 100.0), ("shift y", "%", 100.0), ("rotation", "deg", 1.0),
                   ("scale", "%", 100.0))  # fmt: skip
_TO_SIGMA: Final = 1.4826
"""Median absolute deviation -> standard deviation of a normal distribution."""


def annotated_errors(folder: Path) -> Array:
    """Return (faces, 4) errors on dlib's annotated example faces; NaN where no face is found."""
    return _errors((photo, points) for photo, points in annotated_faces(folder))


def rendered_errors(rig: FaceRig, faces: int) -> Array:
    """Return (faces, 4) errors on synthetic faces of a rig; NaN where no face is found."""

    def rendered() -> Iterator[tuple[Array, Array]]:
        for seed in range(SEED, SEED + faces):
            scene = sample.sample_scene(rig, person_seed=seed, face_seed=seed)
            yield sample.render(scene, size=sample.NOMINAL), sample.landmarks(scene)

    return _errors(rendered())


def _errors(photos: Iterator[tuple[Array, Array]]) -> Array:
    """Return shift x and y in parts of the crop, rotation in degrees and log scale of each photo.

    Args:
        photos: Each with the (68, 2) reference landmarks, px.
    """
    rows = []
    with FaceLandmarker(num_faces=MOST_FACES, divisions=(1,)) as finder:
        for photo, reference in photos:
            found = central_face(finder, photo)
            if found is None:
                rows.append((np.nan,) * len(_COLUMNS))
                continue
            exact, detected = (crop_matrix(points, _SIZE) for points in (reference, found))
            rows.append(alignment_jitter.view_difference(exact, detected, _SIZE))
    return np.array(rows)


def table(errors: Sequence[tuple[str, Array]]) -> str:
    """Return a Markdown table of named sets of errors: median ± robust standard deviation."""
    heads = " | ".join(f"{name}, {unit}" for name, unit, _ in _COLUMNS)
    lines = [f"| faces | crops | not found | {heads} |", "|---" * (3 + len(_COLUMNS)) + "|"]
    for name, every in errors:
        known = every[np.isfinite(every).all(axis=1)]
        median = np.median(known, axis=0)
        spread = _TO_SIGMA * np.median(np.abs(known - median), axis=0)
        cells = [
            f"{factor * middle:+.2f} ± {factor * sigma:.2f}"
            for (_, _, factor), middle, sigma in zip(_COLUMNS, median, spread, strict=True)
        ]
        missed = len(every) - len(known)
        lines.append(f"| {name} | {len(known)} | {missed} | {' | '.join(cells)} |")
    return "\n".join(lines)
