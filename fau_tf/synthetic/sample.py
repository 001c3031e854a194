"""Sample and render synthetic faces: the entry to this package."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from fau_tf import facs
from fau_tf.synthetic.registry import RENDERERS
from fau_tf.synthetic.render import geometry
from fau_tf.synthetic.rigs.canonical import canonical_rig
from fau_tf.synthetic.rigs.rig import FaceRig, Floats
from fau_tf.synthetic.scene.camera_noise import Image
from fau_tf.synthetic.scene.lighting import sample_light
from fau_tf.synthetic.scene.occlusion import Occluders, sample_occluders
from fau_tf.synthetic.scene.person import HAIR_STYLES, Person, sample_person
from fau_tf.synthetic.scene.scene import NOMINAL, Camera, Scene, Variety

__all__ = [
    "GENERATOR_VERSION", "NOMINAL", "Scene", "canonical_rig", "landmarks", "render",
    "sample_intensities", "sample_scene",
]  # fmt: skip

GENERATOR_VERSION = 3
"""Increment it with any change of code after which the same seeds give other faces;
tests/golden/test_versions.py detects one. Sets of another version are rendered again."""

# name, share of combinations, AUs of 92 % of such faces, AUs of half of them
COMBINATIONS: tuple[tuple[str, float, tuple[int, ...], tuple[int, ...]], ...] = (
    ("happiness", 0.16, (6, 12), (7, 25)),
    ("polite smile", 0.08, (12,), (14, 25)),
    ("surprise", 0.14, (1, 2, 5, 26), (25,)),
    ("anger", 0.11, (4, 5, 7), (17, 23, 9)),
    ("sadness", 0.12, (1, 4, 15, 17), ()),
    ("fear", 0.12, (1, 2, 4, 5, 20), (25, 26)),
    ("disgust", 0.12, (9, 10), (7, 17, 25)),
    ("contempt", 0.08, (14,), (10, 23)),
    ("pain", 0.07, (4, 6, 7, 9), (10, 25, 20, 45)),
)
ALONE = 0.115
"""Probability of an AU outside the sampled combination."""
COMBINED, NEUTRAL = 0.55, 0.06
"""Share of faces with a combination, and of neutral faces."""
UNLABELED = 0.08
"""Probability of each unlabeled movement."""
DROOP_SD, MOST_DROOP = 0.07, 0.15
"""Standard deviation and limit of the share of the eyes' opening that the lids cover at rest: less
than AU45 = 1."""
CLOSED_LIPS = ("lips pressed", "lips sucked in", "cheeks puffed")
"""Unlabeled movements that need closed lips, which AU23 doesn't tighten: that would hide it."""


def sample_scene(
    rig: FaceRig,
    *,
    person_seed: int,
    face_seed: int,
    intensity: Mapping[int, float] | None = None,
    pose: tuple[float, float, float] | None = None,
    variety: Variety | None = None,
) -> Scene:
    """Return the scene of a person seed and a face seed.

    Args:
        rig: the face model.
        person_seed: decides shape, skin, hair and eyes.
        face_seed: decides expression, pose, gaze, light, camera and background.
        intensity: AU number -> 0..5 instead of a sampled expression. Other AUs are 0, and there are
            no unlabeled movements.
        pose: yaw, pitch, roll in degrees instead of a sampled pose.
        variety: parts to leave out; everything else stays the same.

    Raises:
        ValueError: if `intensity` names an AU outside the table.
    """
    rng = np.random.default_rng((person_seed, face_seed, 5))
    person = _person(person_seed, len(rig.identity))
    sampled_intensity, sampled_pose = sample_intensities(rng), _sample_pose(rng)
    variety = variety or Variety()
    # separate generators, so that later additions left all earlier draws unchanged
    unlabeled_rng = np.random.default_rng((person_seed, face_seed, 20))
    light_rng = np.random.default_rng((person_seed, face_seed, 15))
    hair = HAIR_STYLES[person.style][2] > 0
    occluders = sample_occluders(person_seed, face_seed, hair=hair)
    chosen = sampled_intensity if intensity is None else _complete(intensity)
    return Scene(
        rig=rig,
        person=person,
        intensity=chosen,
        asymmetry={au: float(np.clip(rng.normal(0, 0.09), -0.25, 0.25)) for au in facs.AUS},
        pose=sampled_pose if pose is None else pose,
        gaze=(float(rng.normal(0, 7)), float(rng.normal(0, 4))),
        lid_droop=min(MOST_DROOP, abs(float(rng.normal(0, DROOP_SD)))),
        unlabeled=_sample_unlabeled(unlabeled_rng, rig, chosen) if intensity is None else {},
        light=sample_light(rng, light_rng),
        camera=_sample_camera(rng, person),
        background=int(rng.integers(2**31)),
        wrinkles=1.0 if variety.wrinkles else 0.0,
        occluders=occluders if variety.occluders else Occluders(),
    )


def landmarks(scene: Scene) -> Floats:
    """Return (68, 2) float64 iBUG landmarks in px of the nominal photo, NOMINAL px square."""
    return geometry.project(geometry.landmark_points(scene), scene)[:, :2]


def render(scene: Scene, *, size: int, view: Floats | None = None, renderer: str = "fast") -> Image:
    """Return the (size, size, 3) uint8 RGB picture of a scene.

    Args:
        scene: the face.
        size: side of the picture in px, even and at least 16.
        view: (2, 3) affine map from px of the nominal photo to px of the picture, folded into
            the projection; without it the whole nominal photo fills the picture.
        renderer: one of RENDERERS.

    Raises:
        ValueError: if the size is odd or small, or the view is not an invertible (2, 3) map.
    """
    if size < 16 or size % 2:
        raise ValueError(f"size must be even and at least 16 px, not {size}.")
    if view is None:
        scale = size / NOMINAL
        view = np.array([[scale, 0, 0.5 * scale - 0.5], [0, scale, 0.5 * scale - 0.5]])
    view = np.asarray(view, np.float64)
    if view.shape != (2, 3) or not np.isfinite(view).all() or not np.linalg.det(view[:, :2]):
        raise ValueError(
            f"view must be a finite, invertible (2, 3) map, not {view.tolist()}. Use "
            "fau_tf.face.align.crop_matrix(landmarks, size)."
        )
    return RENDERERS[renderer](scene, size, view)


def sample_intensities(rng: np.random.Generator) -> dict[int, float]:
    """Return AU -> 0..5 for all AUs: plausible combinations and independent AUs.

    About 77 % of the values are 0. Each AU is active in at least 15 % of the faces, AU45 in a tenth
    of them, without AU5: eyes that blink are not wide open.
    """
    value = dict.fromkeys(facs.AUS, 0.0)
    kind = rng.random()
    if kind < NEUTRAL:
        return value
    active: set[int] = set()
    if kind < NEUTRAL + COMBINED:
        chance = np.array([row[1] for row in COMBINATIONS])
        _, _, always, perhaps = COMBINATIONS[int(rng.choice(len(chance), p=chance / chance.sum()))]
        active |= {au for au in always if rng.random() < 0.92}
        active |= {au for au in perhaps if rng.random() < 0.5}
    active |= {au for au in facs.AUS if rng.random() < ALONE}
    strength = rng.uniform(0.3, 5.0)
    for au in sorted(active):
        shared = strength * rng.uniform(0.7, 1.3)
        own = rng.uniform(0.3, 5.0)
        value[au] = float(np.clip(shared if rng.random() < 0.3 else own, 0.3, facs.MAX_INTENSITY))
    # a dropped jaw parts the lips, and FACS scores AU25 whenever they part
    value[25] = max(value[25], value[26] * float(rng.uniform(0.5, 1.0)))
    if value[45]:
        value[5] = 0.0
    return value


@lru_cache(maxsize=64)
def _person(seed: int, components: int) -> Person:
    return sample_person(seed, components)


def _complete(intensity: Mapping[int, float]) -> dict[int, float]:
    unknown = sorted(set(intensity) - set(facs.AUS))
    if unknown:
        raise ValueError(f"Unknown AUs {unknown}. The table has {sorted(facs.AUS)}.")
    return {au: float(intensity.get(au, 0.0)) for au in facs.AUS}


def _sample_unlabeled(
    rng: np.random.Generator, rig: FaceRig, intensity: Mapping[int, float]
) -> dict[str, float]:
    """Return movement -> 0..1, without CLOSED_LIPS where the lips part or are tightened."""
    busy = intensity[25] > 0.5 or intensity[26] > 0.5 or intensity[23] > 0
    drawn = {
        name: (rng.random() < UNLABELED, float(rng.uniform(0.2, 1.0))) for name in rig.unlabeled
    }
    return {
        name: part
        for name, (moves, part) in drawn.items()
        if moves and not (busy and name in CLOSED_LIPS)
    }


def _sample_pose(rng: np.random.Generator) -> tuple[float, float, float]:
    yaw, pitch, roll = rng.uniform((-20, -12, -10), (20, 12, 10))
    return float(yaw), float(pitch), float(roll)


def _sample_camera(rng: np.random.Generator, person: Person) -> Camera:
    # a camera exposes dark skin longer, but does not fully compensate for it
    exposure = float(np.exp(rng.normal(0.0, 0.20) + 0.42 * person.melanin))
    shift = rng.uniform(-0.04, 0.04, 2)
    own = np.random.default_rng(rng.integers(2**31))
    shake, angle = max(0.0, own.normal(-0.8, 1.4)), own.uniform(0, np.pi)
    white = np.exp(own.normal(0, (0.06, 0.02, 0.08)))
    return Camera(
        distance=float(rng.uniform(45, 120)),
        span=float(rng.uniform(30, 38)),
        shift=(float(shift[0]), float(shift[1])),
        exposure=exposure,
        gamma=float(rng.uniform(0.88, 1.12)),
        blur=float(rng.uniform(0.3, 0.9)),
        noise=float(rng.uniform(0.004, 0.022)),
        seed=int(rng.integers(2**31)),
        white=(float(white[0]), float(white[1]), float(white[2])),
        motion=(float(shake * np.cos(angle)), float(shake * np.sin(angle))),
        downscale=float(own.uniform(1.2, 3.2)) if own.random() < 0.35 else 1.0,
        sharpen=float(own.uniform(0.2, 0.9)) if own.random() < 0.3 else 0.0,
        jpeg=int(own.integers(35, 96)) if own.random() < 0.5 else 0,
    )
