"""Tiny FaceRecords without a renderer: a bright dot on each landmark of a made-up face."""

import numpy as np

from fau_tf import facs
from fau_tf.data.record import FaceRecord

SIZE = 80  # 1.25 x the tiny preset's 64 px


def dotted(landmarks, size=SIZE, radius=1.5):
    """Return (size, size, 3) uint8: a Gaussian dot at each landmark on gray."""
    y, x = np.mgrid[:size, :size]
    image = np.full((size, size), 60.0)
    for px, py in landmarks:
        image += 150 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * radius**2))
    return np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def make_record(person, face, size=SIZE, intensity=None):
    """Return a record whose landmarks and labels follow from its numbers."""
    rng = np.random.default_rng((person, face))
    landmarks = rng.uniform(0.3 * size, 0.7 * size, (68, 2)).astype(np.float32)
    labels = dict(zip(facs.ALL, rng.uniform(0, 5, len(facs.ALL)), strict=True))
    return FaceRecord(
        image=dotted(landmarks[:5], size),
        landmarks=landmarks,
        intensity=labels if intensity is None else intensity,
        subject=f"person{person:05d}",
        source=f"made/{person}/{face}",
        dataset="made",
        factors={"yaw": 3.0},
    )
