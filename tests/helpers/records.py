"""Small face records without a renderer: bright dots on random landmarks, with random labels."""

import numpy as np

from fau_tf import facs
from fau_tf.data.datasets import FaceDataset, subsets
from fau_tf.data.record import FaceRecord, as_features
from fau_tf.data.splits import make_folds
from fau_tf.data.tfrecord import RecordWriter, shard_files

SIZE = 80  # 1.25 x the tiny preset's 64 px
SUBJECTS = 20


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
    order = (*facs.DISFA_BP4D, *(au for au in facs.ALL if au not in facs.DISFA_BP4D))
    labels = dict(zip(order, rng.uniform(0, 5, len(order)), strict=True))
    return FaceRecord(
        image=dotted(landmarks[:5], size),
        landmarks=landmarks,
        intensity=labels if intensity is None else intensity,
        subject=f"person{person:05d}",
        source=f"made/{person}/{face}",
        dataset="made",
        factors={"yaw": 3.0},
    )


def write_shards(folder, records, *, shards):
    """Write FaceRecords in turn over `shards` files."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [folder / f"faces-{i:03d}-of-{shards:03d}.tfrecord" for i in range(shards)]
    writers = [RecordWriter(name) for name in names]
    for count, record in enumerate(records):
        writers[count % shards].write(as_features(record))
    for writer in writers:
        writer.close()


def write_subsets(folder, faces=2):
    """Write `faces` records each of 20 subjects; return `train`, `validation` and `test`."""
    records = (make_record(person, face) for person in range(SUBJECTS) for face in range(faces))
    write_shards(folder, records, shards=2)
    return stored_subsets(folder)


def stored_subsets(folder):
    """Return the subsets that `write_subsets` wrote, of the protocol "random"."""
    names = tuple(make_record(person, 0).subject for person in range(SUBJECTS))
    faces = FaceDataset("made", tuple(shard_files(folder)), names, SIZE)
    return subsets(faces, make_folds("random", names, seed=1)[0])
