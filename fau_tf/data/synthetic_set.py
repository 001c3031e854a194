"""Synthetic faces as records, rendered straight into the aligned crop."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from fau_tf import facs
from fau_tf.data.config import DataSettings
from fau_tf.data.record import MARGIN, FaceRecord, as_features
from fau_tf.face import align
from fau_tf.face import alignment_jitter as jitter
from fau_tf.synthetic.registry import RIGS
from fau_tf.synthetic.rigs.rig import LIDS_SHUT, side_difference
from fau_tf.synthetic.sample import GENERATOR_VERSION, landmarks, render, sample_scene
from fau_tf.synthetic.scene.scene import Scene, Variety
from fau_tf.utils.files import file_sha256

PREFIX: Final = "synthetic-"
"""Start of a synthetic set's name."""
_PERSON: Final = "person"


@dataclass(frozen=True, kw_only=True)
class SyntheticSet:
    """Settings of a synthetic set; the same values give the same bytes.

    Attributes:
        people: Number of subjects.
        faces_per_person: Images of each, with different expression, pose and light.
        record_size: Rows and columns of a record's image.
        seed: Decides all faces.
        rigs: Names of face models, taken in turn by the people.
        renderers: Names of renderers, taken in turn by a person's faces.
        ict: The converted ICT-FaceKit, where `rigs` names it.
        variety: Parts of a scene that may be left out.
        jitter: Whether crops are misplaced as a landmark detector would misplace them.
    """

    people: int
    faces_per_person: int
    record_size: int
    seed: int
    rigs: tuple[str, ...] = ("canonical",)
    renderers: tuple[str, ...] = ("fast",)
    ict: Path | None = None
    variety: Variety = field(default_factory=Variety)
    jitter: bool = True

    @classmethod
    def of(cls, settings: DataSettings, seed: int, *, each: int = 0) -> "SyntheticSet":
        """Return the set of a run's settings, with `each` faces per person if given."""
        return cls(
            people=settings.subjects,
            faces_per_person=each or settings.faces_per_subject,
            record_size=settings.record_size,
            seed=seed,
            rigs=settings.rigs,
            renderers=settings.renderers,
            ict=Path(settings.ict) if "ict" in settings.rigs and settings.ict else None,
            variety=Variety(wrinkles=settings.wrinkles, occluders=settings.occluders),
            jitter=settings.jitter,
        )

    @property
    def name(self) -> str:
        """Return the set's name, e.g. synthetic-canonical-ict."""
        return PREFIX + "-".join(dict.fromkeys(self.rigs))

    def identity(self) -> dict[str, Any]:
        """Return everything that decides the bytes, as plain values; files by their hash."""
        values = asdict(self)
        values["ict"] = file_sha256(self.ict) if self.ict else ""
        return values | {"generator": GENERATOR_VERSION}


def synthetic_record(settings: SyntheticSet, person: int, face: int) -> FaceRecord:
    """Return one face of one person."""
    rig_name = settings.rigs[person % len(settings.rigs)]
    turn = person // len(settings.rigs) + face
    renderer = settings.renderers[turn % len(settings.renderers)]
    person_seed = settings.seed * 1_000_003 + person
    face_seed = settings.seed * 1_000_003 + person * 1_009 + face
    scene = sample_scene(
        RIGS[rig_name](settings.ict),
        person_seed=person_seed,
        face_seed=face_seed,
        variety=settings.variety,
    )
    points = landmarks(scene)
    view = align.crop_matrix(points, settings.record_size, margin=MARGIN)
    if settings.jitter:
        rng = np.random.default_rng((person_seed, face_seed, 6))
        view = jitter.jitter_view(view, settings.record_size, rng, margin=MARGIN, rig=rig_name)
    return FaceRecord(
        image=render(scene, size=settings.record_size, view=view, renderer=renderer),
        landmarks=align.transform(view, points).astype(np.float32),
        intensity=scene.intensity,
        subject=person_name(person),
        source=f"seed{settings.seed}/{person_name(person)}/face{face:03d}/{renderer}",
        dataset=PREFIX + rig_name,
        factors=scene.factors | {"path_traced": float(renderer == "path")},
        side_difference=side_differences(scene),
    )


def side_differences(scene: Scene) -> dict[int, float]:
    """Return AU -> by how much it is stronger on the image's left, for AUs that differ."""
    neutral = scene.rig.neutral[scene.rig.landmarks]
    return {
        au: value * side_difference(neutral, au, scene.asymmetry[au])
        for au, value in scene.intensity.items()
        if value and au != LIDS_SHUT and facs.has_sides(au)
    }


def person_rows(settings: SyntheticSet, person: int) -> list[dict[str, Any]]:
    """Return all faces of one person, as rows of `record.as_features`."""
    record = partial(synthetic_record, settings, person)
    return [as_features(record(face)) for face in range(settings.faces_per_person)]


def rig_of(person: str, rigs: Sequence[str]) -> str:
    """Return the rig of the person with this `person_name`, in a set of these rigs."""
    return rigs[int(person.removeprefix(_PERSON)) % len(rigs)]


def person_name(person: int) -> str:
    """Return the `subject` of a person's records."""
    return f"{_PERSON}{person:05d}"
