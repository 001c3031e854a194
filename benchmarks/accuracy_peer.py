"""What anyone would try instead: MediaPipe's 52 blendshapes and a ridge regression to the AUs.

Fitted on the very faces that a run learnt from, its strength chosen on the same validation people,
and judged on the same test people.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy_faces import Array, record_image
from benchmarks.blendshapes import Reader
from fau_tf import agreement
from fau_tf.data import datasets
from fau_tf.facs import MAX_INTENSITY
from fau_tf.whole_file import replacing

STRENGTHS = tuple(10.0**power for power in range(-3, 4))
_CHUNK = 200


def blendshapes(part: datasets.Part, kept: Path, processes: int = 2) -> Array:
    """Return (N, 52) of a part's faces, in order; NaN where MediaPipe finds no face.

    Args:
        part: Records, whose whole pictures are shown.
        kept: Folder where they are kept, by the set and the people.
        processes: That look.
    """
    asked = f"{part.faces.files[0].parent.name} {' '.join(part.people)}"
    file = kept / f"blendshapes-{hashlib.sha256(asked.encode()).hexdigest()[:12]}.npz"
    if file.is_file():
        with np.load(file, allow_pickle=False) as content:
            return np.array(content["scores"])
    pictures = [row["image"] for row in part.rows.as_numpy_iterator()]
    chunks = [pictures[i : i + _CHUNK] for i in range(0, len(pictures), _CHUNK)]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        scores = np.concatenate(list(pool.map(_looked_at, chunks)))
    kept.mkdir(parents=True, exist_ok=True)
    with replacing(file) as unfinished, unfinished.open("wb") as stream:
        np.savez_compressed(stream, scores=scores)
    return scores


def _looked_at(pictures: Sequence[bytes]) -> Array:
    with Reader() as reader:
        return np.stack([reader.scores(record_image({"image": one})) for one in pictures])


class Ridge:
    """Blendshapes -> intensities."""

    def __init__(self, shapes: Array, coded: Array, strength: float) -> None:
        known = np.isfinite(shapes).all(axis=1)
        x, y = shapes[known], coded[known]
        self._mean, self._scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
        self._offset = y.mean(axis=0)
        x = (x - self._mean) / self._scale
        system = x.T @ x + strength * len(x) * np.eye(x.shape[1])
        self._weights = np.linalg.solve(system, x.T @ (y - self._offset))

    def __call__(self, shapes: Array) -> Array:
        """Return (N, A) within 0 to 5; NaN for NaN."""
        answer = (shapes - self._mean) / self._scale @ self._weights + self._offset
        return np.clip(answer, 0.0, MAX_INTENSITY)


def fitted(
    train: tuple[Array, Array], validation: tuple[Array, Array], labels: Sequence[str]
) -> Ridge:
    """Return the ridge whose strength gives validation people the best mean ICC.

    Args:
        train: (N, 52) blendshapes, (N, A) coded intensities.
        validation: The same of other people.
        labels: A names.
    """
    tried = [Ridge(*train, strength) for strength in STRENGTHS]

    def icc(ridge: Ridge) -> float:
        found: Any = agreement.summary(validation[1], ridge(validation[0]), list(labels))
        return float(found["mean"]["icc"])

    return max(tried, key=icc)
