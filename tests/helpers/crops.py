"""Aligned faces as the exported models take them: a photo's and rendered ones."""

import functools
from pathlib import Path

import numpy as np

from fau_tf.data.synthetic_set import SyntheticSet, synthetic_record
from fau_tf.face.align import crop_matrix
from fau_tf.face.align_cv2 import fast_crop
from fau_tf.face.landmarker import FaceLandmarker
from fau_tf.face.mesh import ibug68
from fau_tf.io.images import read_image

PHOTO = Path(__file__).parents[2] / "docs" / "sample" / "astronaut.png"


def photo_crop(size: int) -> np.ndarray:
    """Return (1, size, size, 3) float32, the face of the sample photo, found as the demo does."""
    image = read_image(PHOTO)
    with FaceLandmarker(num_faces=1, divisions=(1,)) as landmarker:
        (mesh,) = landmarker.find(image)
    crop = fast_crop(image, crop_matrix(ibug68(mesh), size), size)
    return crop[None].astype(np.float32)


def rendered_crops(count: int, size: int) -> np.ndarray:
    """Return (count, size, size, 3) float32, each face another person's."""
    people = SyntheticSet(people=count, faces_per_person=1, record_size=5 * size // 4, seed=11)
    records = [synthetic_record(people, person, 0) for person in range(count)]
    faces = [fast_crop(r.image, crop_matrix(r.landmarks, size), size) for r in records]
    return np.stack(faces).astype(np.float32)


@functools.cache
def crops(size: int, rendered: int = 7) -> np.ndarray:
    """Return (1 + rendered, size, size, 3) float32, RGB 0 to 255: the photo's face first."""
    return np.concatenate([photo_crop(size), rendered_crops(rendered, size)])
