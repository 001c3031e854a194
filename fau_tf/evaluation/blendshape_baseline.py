"""Baseline: ridge regression from MediaPipe's 52 blendshapes, on LiteRT, to AU intensities.

It is fitted on a run's training faces, its strength is chosen on the run's validation subjects, and
it is evaluated on the run's test subjects.
"""

import io
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from fau_tf.data import datasets
from fau_tf.evaluation.real_faces.face_reader import FaceReader
from fau_tf.face.blendshapes import NAMES
from fau_tf.facs import MAX_INTENSITY
from fau_tf.metrics import agreement
from fau_tf.utils.files import replacing

Array = npt.NDArray[Any]
STRENGTHS: Final = tuple(10.0**power for power in range(-3, 4))
_CHUNK: Final = 200  # pictures a task


def cached_blendshapes(part: datasets.Subset, folder: Path, processes: int = 2) -> Array:
    """Return (N, 52) blendshapes of a part's faces, in order; NaN where no face is found.

    Args:
        part: Face records, whose whole pictures are scored.
        folder: Keeps the scores of each set by subject, since runs share most of their subjects.
        processes: That score the pictures.
    """
    file = folder / f"litert-blendshapes-{part.faces.files[0].parent.name}.npz"
    known: dict[str, Any] = {}
    if file.is_file():
        with np.load(file, allow_pickle=False) as content:
            known = dict(content)
    rows = [(row["subject"].decode(), row["image"]) for row in part.records.as_numpy_iterator()]
    subjects = np.array([subject for subject, _ in rows])
    new = ~np.isin(subjects, list(known))
    if new.any():
        pictures = [image for (_, image), wanted in zip(rows, new, strict=True) if wanted]
        scores = _scores(pictures, processes)
        known |= {str(name): scores[subjects[new] == name] for name in np.unique(subjects[new])}
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(file) as unfinished, unfinished.open("wb") as stream:
            np.savez_compressed(stream, **known)
    found = np.empty((len(rows), len(NAMES)))
    for name in np.unique(subjects):
        found[subjects == name] = known[str(name)]
    return found


def _scores(pictures: Sequence[bytes], processes: int) -> Array:
    chunks = [pictures[i : i + _CHUNK] for i in range(0, len(pictures), _CHUNK)]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return np.concatenate(list(pool.map(_chunk_scores, chunks)))


def _chunk_scores(pictures: Sequence[bytes]) -> Array:
    with FaceReader() as reader:
        read = (reader(np.array(Image.open(io.BytesIO(one)))) for one in pictures)
        none = np.full(len(NAMES), np.nan)
        return np.stack([one.blendshapes if one else none for one in read])


class Ridge:
    """Ridge regression from blendshapes to intensities.

    Args:
        blendshapes: (N, 52); rows with NaN are left out.
        coded: (N, A) intensities.
        strength: Of the penalty on the weights of standardized blendshapes.
    """

    def __init__(self, blendshapes: Array, coded: Array, strength: float) -> None:
        known = np.isfinite(blendshapes).all(axis=1)
        x, y = blendshapes[known], coded[known]
        self._mean, self._scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
        self._offset = y.mean(axis=0)
        x = (x - self._mean) / self._scale
        system = x.T @ x + strength * len(x) * np.eye(x.shape[1])
        self._weights = np.linalg.solve(system, x.T @ (y - self._offset))

    def predict(self, blendshapes: Array) -> Array:
        """Return (N, A) intensities within 0 to 5; NaN for NaN."""
        linear = (blendshapes - self._mean) / self._scale @ self._weights + self._offset
        intensity: Array = np.clip(linear, 0.0, MAX_INTENSITY)
        return intensity


def fit_ridge(
    train: tuple[Array, Array], validation: tuple[Array, Array], labels: Sequence[str]
) -> Ridge:
    """Return the ridge regression with the best mean ICC on validation subjects.

    Args:
        train: (N, 52) blendshapes and (N, A) coded intensities.
        validation: The same of other subjects.
        labels: A names.
    """
    blendshapes, coded = validation

    def icc(ridge: Ridge) -> float:
        figures = agreement.summary(coded, ridge.predict(blendshapes), list(labels))
        return float(figures["mean"]["icc"])

    return max((Ridge(*train, strength) for strength in STRENGTHS), key=icc)
