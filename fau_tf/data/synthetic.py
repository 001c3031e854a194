"""Synthetic faces as FaceRecords: rendered straight into the aligned view, by many processes."""

import hashlib
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from fau_tf import synthetic
from fau_tf.data.record import MARGIN, FaceRecord, as_bytes
from fau_tf.data.workers import follow_the_parent
from fau_tf.face import align
from fau_tf.synthetic.canonical_rig import canonical_rig
from fau_tf.synthetic.generate import landmarks, render, sample_scene

DATASET: Final = "synthetic-canonical"


@dataclass(frozen=True, kw_only=True)
class SyntheticSet:
    """A generated set; the same values give the same bytes.

    Attributes:
        people: How many persons.
        faces_per_person: Images of each, with different expression, pose and light.
        record_size: Rows and columns of a record's image.
        seed: Of everything.
    """

    people: int
    faces_per_person: int
    record_size: int
    seed: int


def synthetic_record(settings: SyntheticSet, person: int, face: int) -> FaceRecord:
    """Return one face of one person."""
    scene = sample_scene(
        canonical_rig(),
        person_seed=settings.seed * 1_000_003 + person,
        face_seed=settings.seed * 1_000_003 + person * 1_009 + face,
    )
    points = landmarks(scene)
    view = align.crop_matrix(points, settings.record_size, margin=MARGIN)
    return FaceRecord(
        image=render(scene, size=settings.record_size, view=view),
        landmarks=align.transform(view, points).astype(np.float32),
        intensity=scene.intensity,
        subject=person_name(person),
        source=f"seed{settings.seed}/{person_name(person)}/face{face:03d}",
        dataset=DATASET,
        factors=scene.factors,
    )


def generator_version() -> str:
    """Return a hash of the generator's source: other code, other faces, another set."""
    files = sorted(Path(synthetic.__file__).parent.rglob("*"))
    digest = hashlib.sha256()
    for file in files:
        if file.suffix in (".py", ".obj"):
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def _person(settings: SyntheticSet, person: int) -> list[dict[str, Any]]:
    faces = range(settings.faces_per_person)
    return [as_bytes(synthetic_record(settings, person, face)) for face in faces]


def person_name(person: int) -> str:
    """Return the `subject` of a person's records."""
    return f"person{person:05d}"


def synthetic_rows(
    settings: SyntheticSet, people: Sequence[int], *, processes: int
) -> Iterator[dict[str, Any]]:
    """Yield rows of `record.as_bytes`, person by person in order, whatever `processes` is."""
    work = partial(_person, settings)
    if processes == 1:
        for person in people:
            yield from work(person)
        return
    # spawn: TensorFlow's threads in the parent don't survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=follow_the_parent) as pool:
        for rows in pool.map(work, people, chunksize=4):
            yield from rows
