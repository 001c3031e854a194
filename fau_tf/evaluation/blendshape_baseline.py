"""What anyone would try instead: MediaPipe's 52 blendshapes and a ridge regression to the AUs.

Fitted on the very faces that a run learned from, its strength chosen on the same validation people,
and judged on the same test people.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from fau_tf.data import datasets
from fau_tf.evaluation.blendshapes import WIDTH, Reader
from fau_tf.evaluation.cross_rig import Array, record_image
from fau_tf.facs import MAX_INTENSITY
from fau_tf.metrics import agreement
from fau_tf.utils.files import replacing

STRENGTHS = tuple(10.0**power for power in range(-3, 4))
_CHUNK = 200


def blendshapes(part: datasets.Subset, kept: Path, processes: int = 2) -> Array:
    """Return (N, 52) of a part's faces, in order; NaN where MediaPipe finds no face.

    Args:
        part: Records, whose whole pictures are shown.
        kept: Folder where a set's scores are kept, by person: runs share most of theirs.
        processes: That look.
    """
    file = kept / f"blendshapes-{part.faces.files[0].parent.name}.npz"
    known: dict[str, Array] = {}
    if file.is_file():
        with np.load(file, allow_pickle=False) as content:
            known = dict(content)
    rows = [(row["subject"].decode(), row["image"]) for row in part.records.as_numpy_iterator()]
    subjects = np.array([subject for subject, _ in rows])
    new = ~np.isin(subjects, list(known))
    if new.any():
        pictures = [row[1] for row, wanted in zip(rows, new, strict=True) if wanted]
        scores = _looked_at_by(pictures, processes)
        known |= {str(name): scores[subjects[new] == name] for name in np.unique(subjects[new])}
        kept.mkdir(parents=True, exist_ok=True)
        with replacing(file) as unfinished, unfinished.open("wb") as stream:
            np.savez_compressed(stream, **known)
    found = np.empty((len(rows), WIDTH))
    for name in np.unique(subjects):
        found[subjects == name] = known[str(name)]
    return found


def _looked_at_by(pictures: Sequence[bytes], processes: int) -> Array:
    chunks = [pictures[i : i + _CHUNK] for i in range(0, len(pictures), _CHUNK)]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return np.concatenate(list(pool.map(_looked_at, chunks)))


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
