"""Everything that is needed to render one face, and nothing that is not."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from fau_tf import facs
from fau_tf.synthetic.rigs.rig import FaceRig
from fau_tf.synthetic.scene.occluders.occluders import Occluders
from fau_tf.synthetic.scene.person import Person

NOMINAL = 256
"""Side in px of the photo in which landmarks are given."""

Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Variety:
    """What may vary in drawn scenes, so that its worth can be measured by leaving it out.

    Attributes:
        wrinkles: AUs leave furrows and bulges in the skin, some of them for good.
        occluders: some people wear glasses; hair or a hand may cover a part of the face.
    """

    wrinkles: bool = True
    occluders: bool = True


@dataclass(frozen=True)
class Light:
    """A key light, sometimes a second light, and the sky.

    Attributes:
        key: unit vector towards the key light: x to the image's right, y up, z to the camera.
        strength: of the key light; ambient light is `ambient`.
        ambient: 0..1.
        color: of the key light, linear RGB around 1.
        sky: color of the ambient light.
        shine: 0..1, how oily the skin is.
        fill: unit vector towards a second light, which may stand behind the head.
        fill_light: its linear RGB times its strength; 0 is none.
    """

    key: Triple
    strength: float
    ambient: float
    color: Triple
    sky: Triple
    shine: float
    fill: Triple = (0.0, 0.0, 1.0)
    fill_light: Triple = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera and what its sensor does.

    Attributes:
        distance: from the head in cm.
        span: width in cm at the head that fills the nominal photo.
        shift: of the head in the photo, in fractions of its side (right, down).
        exposure: factor on linear light.
        gamma: contrast exponent after sRGB.
        blur: sigma in output px.
        noise: standard deviation in 0..1 of the gray levels, at mid-gray.
        seed: of the noise.
        white: gain of red, green and blue: a white balance that is off.
        motion: (right, down) in output px of the shake while the shutter is open.
        coarse: factor by which the picture was smaller before it was enlarged; 1 is not at all.
        sharpen: 0 (not) to 1, how far the camera exaggerates edges.
        jpeg: quality at which the picture was once compressed; 0 is not at all.
    """

    distance: float
    span: float
    shift: tuple[float, float]
    exposure: float
    gamma: float
    blur: float
    noise: float
    seed: int
    white: Triple = (1.0, 1.0, 1.0)
    motion: tuple[float, float] = (0.0, 0.0)
    coarse: float = 1.0
    sharpen: float = 0.0
    jpeg: int = 0

    def without_faults(self, blur: float) -> "Camera":
        """Return the camera with a steady hand, no noise and no compression, and that blur."""
        return replace(
            self, noise=0.0, blur=blur, motion=(0.0, 0.0), coarse=1.0, sharpen=0.0, jpeg=0
        )


@dataclass(frozen=True)
class Scene:
    """One face: who, what expression, which pose, light and camera.

    Attributes:
        rig: the face model.
        person: who.
        intensity: AU number -> 0..5, for every AU of the table.
        asymmetry: AU number -> -1..1, how much stronger the image's left side moves.
        pose: yaw, pitch, roll in degrees: turns to the image's right, down, clockwise.
        gaze: yaw and pitch of the eyes in degrees.
        blink: 0 (open) to 1 (shut).
        light: the lights.
        camera: the camera.
        background: seed of what lies behind.
        others: movement of the rig that no AU of the table names -> 0..1.
        wrinkles: how deep AUs fold the skin: 0 (not), 1 (as deep as the person's age makes it).
        occluders: what hides parts of the face.
    """

    rig: FaceRig = field(repr=False)
    person: Person
    intensity: Mapping[int, float]
    asymmetry: Mapping[int, float]
    pose: Triple
    gaze: tuple[float, float]
    blink: float
    light: Light
    camera: Camera
    background: int
    others: Mapping[str, float] = field(default_factory=dict)
    wrinkles: float = 1.0
    occluders: Occluders = field(default_factory=Occluders)

    @property
    def creases(self) -> dict[int, float]:
        """Return AU -> depth of its furrows and bulges, in parts of those of `wrinkles.MARKS`."""
        aged = self.wrinkles * (0.6 + 0.6 * self.person.age) / facs.MAX_INTENSITY
        own = self.person.habits
        return {
            au: aged * value * own.folds[au] + self.wrinkles * own.lines[au]
            for au, value in self.intensity.items()
        }

    @property
    def factors(self) -> dict[str, float]:
        """Return what varied apart from the AUs, for reports: name -> value."""
        key = self.light.key
        return {
            "melanin": self.person.melanin,
            "haemoglobin": self.person.haemoglobin,
            "age": self.person.age,
            "stubble": self.person.stubble,
            "yaw": self.pose[0],
            "pitch": self.pose[1],
            "roll": self.pose[2],
            "gaze_yaw": self.gaze[0],
            "gaze_pitch": self.gaze[1],
            "blink": self.blink,
            "others": max(self.others.values(), default=0.0),
            "light_side": float(np.degrees(np.arctan2(key[0], key[2]))),
            "light_height": float(np.degrees(np.arcsin(key[1]))),
            "light_strength": self.light.strength,
            "ambient": self.light.ambient,
            "fill": max(self.light.fill_light),
            "exposure": self.camera.exposure,
            "distance": self.camera.distance,
            "blur": self.camera.blur,
            "noise": self.camera.noise,
            "motion": float(np.hypot(*self.camera.motion)),
            "coarse": self.camera.coarse,
            "jpeg": float(self.camera.jpeg),
            "sharpen": self.camera.sharpen,
            "warmth": float(np.log(self.camera.white[0] / self.camera.white[2])),
            "wrinkles": self.wrinkles,
            **self.occluders.factors,
        }


def check(scene: Scene) -> None:
    """Raise ValueError unless the scene states an intensity for each AU of the table."""
    missing = sorted(set(facs.AUS) - set(scene.intensity))
    if missing:
        raise ValueError(
            f"A scene's intensity must name all {len(facs.AUS)} AUs. Missing: {missing}. "
            "Give 0 for an AU that is absent."
        )
