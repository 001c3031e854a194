"""Annotated faces of photos, and the face nearest to the middle of a picture."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from fau_tf.face.landmarker import FaceLandmarker
from fau_tf.face.mesh import ibug68
from fau_tf.io.images import read_image

Array = npt.NDArray[Any]
MOST_FACES: Final = 3
"""That the part of a photo around one face may show."""
_PART_WIDTH: Final = 288  # px of the part of a photo around one face
_MARGIN: Final = 0.6  # of the annotated face's width, on each side


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


def central_face(finder: FaceLandmarker, image: Array) -> Array | None:
    """Return the (68, 2) landmarks of the face nearest to the middle; None without a face."""
    mesh = central_mesh(finder, image)
    return None if mesh is None else ibug68(mesh)


def central_mesh(finder: FaceLandmarker, image: Array) -> Array | None:
    """Return the (478, 2) mesh of the face nearest to the middle, px; None without a face."""
    middle = np.array(image.shape[1::-1]) / 2
    meshes = finder.find(image)
    distances = [float(np.hypot(*(mesh.mean(axis=0) - middle))) for mesh in meshes]
    return meshes[int(np.argmin(distances))] if meshes else None
