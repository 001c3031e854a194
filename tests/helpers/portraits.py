"""A rendered face as a portrait: its picture and its exact mesh of 478 points."""

from functools import lru_cache

import numpy as np
from PIL import Image as PillowImage

from fau_tf import facs
from fau_tf.data.record import MARGIN
from fau_tf.face import align
from fau_tf.portraits.editing.edit import EditablePortrait, edit
from fau_tf.portraits.editing.movement import Edit, Manner
from fau_tf.portraits.fields import CANONICAL
from fau_tf.portraits.portrait_set import Portrait, write_set
from fau_tf.portraits.start import stated
from fau_tf.synthetic.render import geometry
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.sample import canonical_rig, landmarks, render, sample_scene

SIZE = 160
NEUTRAL = dict.fromkeys(facs.AUS, 0.0)


@lru_cache(maxsize=8)
def rendered(person: int = 3, pose=(0.0, 0.0, 0.0), size: int = SIZE):
    """Return (size, size, 3) uint8 and (478, 2) px of a neutral rendered face."""
    scene = sample_scene(canonical_rig(), person_seed=person, face_seed=1, intensity={}, pose=pose)
    view = align.crop_matrix(landmarks(scene), size, MARGIN)
    image = render(scene, size=size, view=view)
    rest, _ = geometry._rest(scene.rig, scene.person)
    posed = geometry._posed(
        rest[: topology.FACE_VERTICES], geometry.rotation(*scene.pose), np.ones(468)
    )
    mesh = align.transform(view, geometry.project(posed, scene)[:, :2])
    return image, np.vstack([mesh, *(_iris(mesh[list(ring)]) for ring in EYES)])


EYES = (topology.RIGHT_EYE, topology.LEFT_EYE)


def _iris(ring):
    """Return the center of an iris in the middle of the lids, and four points on its edge."""
    middle = ring.mean(0)
    radius = 0.22 * np.ptp(ring[:, 0])
    return middle + radius * np.array([(0, 0), (1, 0), (0, -1), (-1, 0), (0, 1)])


def write_portraits(folder, size: int = SIZE) -> None:
    """Write a set: person 3 neutral and smiling, person 4 with an unknown expression."""
    smiling = edit(portrait(3), Edit({12: 3.0, 25: 2.0}), Manner({CANONICAL: 1.0}))
    smile = {**stated("smiling"), 12: 3.0, 25: 2.0}
    rows = [
        (rendered(3), stated("neutral"), "neutral", "a", "train"),
        (smiling, smile, "smiling", "a", "train"),
        (rendered(4), {}, "unknown", "b", "train"),
        (rendered(5), stated("neutral"), "neutral", "c", "validation"),
    ]
    folder.mkdir(exist_ok=True)
    portraits = [
        Portrait(
            image=np.array(PillowImage.fromarray(image).resize((size, size))),
            mesh=((mesh + 0.5) * size / len(image) - 0.5).astype(np.float32),
            start=start, expression=expression, subject=subject, part=part, source=f"made/{i}",
        )
        for i, ((image, mesh), start, expression, subject, part) in enumerate(rows)
    ]  # fmt: skip
    write_set(folder, portraits, [{"name": "made", "license": "CC0"}], {})


def portrait(person: int = 3, start=NEUTRAL, pose=(0.0, 0.0, 0.0)) -> EditablePortrait:
    """Return a rendered neutral face, ready to be edited."""
    image, mesh = rendered(person, pose)
    return EditablePortrait(image, mesh, start)
