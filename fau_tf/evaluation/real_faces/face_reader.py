"""Mesh and blendshapes of the face in a picture, kept in a file by the picture's content."""

import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.evaluation.real_faces.faces import MOST_FACES, central_mesh
from fau_tf.face.align import crop_matrix
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.blendshapes import NAMES, Blendshapes
from fau_tf.face.bundle import BUNDLE_SHA256
from fau_tf.face.landmarker import FaceLandmarker
from fau_tf.face.mesh import MESH_POINTS, ibug68
from fau_tf.utils.files import replacing

Array = npt.NDArray[Any]
READER_VERSION: Final = 2
"""Raise it when the same picture gives other points: readings that were kept are dropped."""
_SCORES: Final = len(NAMES)


@dataclass(frozen=True, eq=False)
class ReadFace:
    """A face, and what the landmark networks find.

    Attributes:
        image: (H, W, 3) RGB uint8.
        mesh: (478, 2) px of the image.
        blendshapes: (52,) scores, 0 to 1, in the order of `face.blendshapes.NAMES`.
    """

    image: Array
    mesh: Array
    blendshapes: Array

    def crop(self, size: int) -> Array:
        """Return the aligned face, (size, size, 3)."""
        return fast_crop(self.image, crop_matrix(self.landmarks, size), size)

    @property
    def landmarks(self) -> Array:
        """The (68, 2) iBUG landmarks, px."""
        return ibug68(self.mesh)


class FaceReader(AbstractContextManager["FaceReader"]):
    """Reads the face nearest to the middle of a picture; use it in a `with` block.

    Finding a face takes longer than reading its AUs, so what was found is kept: another model on
    the same pictures needs no landmarks. At the end of the block the file is replaced.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Load the networks and what is kept in a folder.

        Args:
            folder: That keeps readings; None keeps none.

        Raises:
            FileNotFoundError: If the Face Landmarker bundle is missing.
            ValueError: If it has another hash.
        """
        self._file = folder / _file_name() if folder else None
        self._kept: dict[str, Array] = {}
        if self._file and self._file.is_file():
            with np.load(self._file, allow_pickle=False) as content:
                self._kept = dict(zip(content["pictures"].tolist(), content["values"], strict=True))
        self._new = False
        self._landmarker = FaceLandmarker(MOST_FACES, divisions=(1,))
        self._blendshapes = Blendshapes()

    def __call__(self, image: Array) -> ReadFace | None:
        """Return the face in an (H, W, 3) RGB uint8 picture; None without one."""
        key = hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).hexdigest()
        if key not in self._kept:
            self._kept[key] = self._read(image).astype(np.float32)
            self._new = True
        # Always what the file would give, so that the first run has the figures of the next.
        values = self._kept[key].astype(np.float64)
        if np.isnan(values[0]):
            return None
        return ReadFace(image, values[:-_SCORES].reshape(MESH_POINTS, 2), values[-_SCORES:])

    def _read(self, image: Array) -> Array:
        mesh = central_mesh(self._landmarker, image)
        if mesh is None:
            return np.full(2 * MESH_POINTS + _SCORES, np.nan)
        return np.concatenate([mesh.ravel(), self._blendshapes(mesh)])

    def __exit__(self, *_: object) -> None:
        """Free the networks and keep what was read, also after an error."""
        self._landmarker.close()
        if not (self._file and self._new):
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._file) as unfinished, unfinished.open("wb") as stream:
            np.savez(stream, pictures=list(self._kept), values=np.stack(list(self._kept.values())))


def _file_name() -> str:
    return f"real-faces-{BUNDLE_SHA256[:8]}-{READER_VERSION}.npz"
