"""The description of one face, complete for both renderers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from fau_tf import facs
from fau_tf.synthetic.rigs.rig import FaceRig
from fau_tf.synthetic.scene.occlusion import Occluders
from fau_tf.synthetic.scene.person import Person

NOMINAL = 256
"""Side in px of the nominal photo, in which landmarks are given."""

Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Variety:
    """Parts of a scene that can be left out, to measure what they contribute.

    Attributes:
        wrinkles: AUs leave furrows and bulges in the skin.
        occluders: glasses, strands of hair, hands.
    """

    wrinkles: bool = True
    occluders: bool = True


@dataclass(frozen=True)
class Light:
    """A key light, ambient light from the sky, and sometimes a fill light.

    Attributes:
        key: unit vector towards the key light: x to the image's right, y up, z to the camera.
        strength: of the key light.
        ambient: strength of the ambient light, 0..1.
        color: of the key light, linear RGB around 1.
        sky: color of the ambient light.
        shine: 0..1, how oily the skin is.
        fill: unit vector towards the fill light, which may stand behind the head.
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
    """A pinhole camera and the degradations of its picture.

    Attributes:
        distance: from the head in cm.
        span: width in cm at the head that fills the nominal photo.
        shift: of the head in the photo, in fractions of its side (right, down).
        exposure: factor on linear light.
        gamma: contrast exponent after sRGB.
        blur: sigma of defocus in output px.
        noise: standard deviation at mid-gray, in 0..1 of the gray levels.
        seed: of the noise.
        white: gain of red, green and blue: an error of the white balance.
        motion: (right, down) in output px of the camera's shake during the exposure.
        downscale: factor by which the picture was smaller before it was enlarged; 1 is none.
        sharpen: strength of edge enhancement, 0..1.
        jpeg: JPEG quality; 0 is no compression.
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
    downscale: float = 1.0
    sharpen: float = 0.0
    jpeg: int = 0

    def ideal(self, blur: float) -> "Camera":
        """Return the camera without shake, noise, sharpening and compression, with this blur."""
        return replace(
            self, noise=0.0, blur=blur, motion=(0.0, 0.0), downscale=1.0, sharpen=0.0, jpeg=0
        )


@dataclass(frozen=True)
class Scene:
    """One face: person, expression, pose, light, camera and background.

    Attributes:
        rig: the face model.
        person: the person.
        intensity: AU number -> 0..5, for every AU of the table.
        asymmetry: AU number -> -1..1, how much stronger the image's left side moves.
        pose: yaw, pitch, roll in degrees: turns to the image's right, down, clockwise.
        gaze: yaw and pitch of the eyes in degrees.
        lid_droop: 0..1, share of the eyes' opening that the lids cover at rest; not an AU.
        light: the lights.
        camera: the camera.
        background: seed of the background.
        unlabeled: movement of the rig outside the AU table -> 0..1.
        wrinkles: factor on the depth of all wrinkles: 0 is smooth skin.
        occluders: objects in front of the face.

    Raises:
        ValueError: if an AU of the table has no intensity.
    """

    rig: FaceRig = field(repr=False)
    person: Person
    intensity: Mapping[int, float]
    asymmetry: Mapping[int, float]
    pose: Triple
    gaze: tuple[float, float]
    lid_droop: float
    light: Light
    camera: Camera
    background: int
    unlabeled: Mapping[str, float] = field(default_factory=dict)
    wrinkles: float = 1.0
    occluders: Occluders = field(default_factory=Occluders)

    def __post_init__(self) -> None:
        missing = sorted(set(facs.AUS) - set(self.intensity))
        if missing:
            raise ValueError(
                f"A scene needs an intensity for all {len(facs.AUS)} AUs; missing are {missing}. "
                "Give 0 for an absent AU."
            )

    @property
    def wrinkle_depth(self) -> dict[int, float]:
        """Return AU -> depth of its wrinkles, as a factor on `wrinkles.PATTERNS`."""
        aged = self.wrinkles * (0.6 + 0.6 * self.person.age) / facs.MAX_INTENSITY
        own = self.person.variation
        return {
            au: aged * value * own.wrinkle_depth[au] + self.wrinkles * own.resting_wrinkles[au]
            for au, value in self.intensity.items()
        }

    @property
    def factors(self) -> dict[str, float]:
        """Return name -> value of everything that varies beside the AUs, for reports."""
        key = self.light.key
        return {
            "melanin": self.person.melanin,
            "hemoglobin": self.person.hemoglobin,
            "age": self.person.age,
            "stubble": self.person.stubble,
            "yaw": self.pose[0],
            "pitch": self.pose[1],
            "roll": self.pose[2],
            "gaze_yaw": self.gaze[0],
            "gaze_pitch": self.gaze[1],
            "lid_droop": self.lid_droop,
            "unlabeled": max(self.unlabeled.values(), default=0.0),
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
            "downscale": self.camera.downscale,
            "jpeg": float(self.camera.jpeg),
            "sharpen": self.camera.sharpen,
            "warmth": float(np.log(self.camera.white[0] / self.camera.white[2])),
            "wrinkles": self.wrinkles,
            **self.occluders.factors,
        }
