"""The lights of a scene as an environment map, for the path tracer."""

import numpy as np

from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.scene.scene import Scene, Triple

HEIGHT, WIDTH = 32, 64
SOFTNESS = (0.12, 0.42)
"""Range of the key light's radius in radians: a lamp to a large window."""


def directions() -> Floats:
    """Return (HEIGHT, WIDTH, 3) unit vectors to the texels: x right, y up, z to the camera."""
    tilt = (np.arange(HEIGHT) + 0.5)[:, None] / HEIGHT * np.pi
    turn = (np.arange(WIDTH) + 0.5)[None] / WIDTH * 2 * np.pi
    flat = np.sin(tilt) + 0 * turn
    return np.stack([flat * np.sin(turn), np.cos(tilt) + 0 * turn, -flat * np.cos(turn)], -1)


def solid_angles() -> Floats:
    """Return (HEIGHT, 1) the solid angle of a texel of each row, steradians."""
    tilt = (np.arange(HEIGHT) + 0.5)[:, None] / HEIGHT * np.pi
    return np.asarray(np.sin(tilt) * (np.pi / HEIGHT) * (2 * np.pi / WIDTH))


def environment_map(scene: Scene, wall: Floats) -> Floats:
    """Return (HEIGHT, WIDTH, 3) float32 radiance: sky, ground and walls, and a soft key light.

    A white, flat surface that faces the key light reflects about strength + ambient, as in the fast
    renderer. The camera's seed decides the softness of the light and the walls.

    Args:
        scene: what to show.
        wall: (3,) mean color of the background, which the rims of the head reflect.
    """
    light = scene.light
    rng = np.random.default_rng((scene.camera.seed, 8))
    ahead = directions()
    sky = light.ambient * (0.80 + 0.37 * ahead[..., 1:2] + 0.22 * ahead[..., 2:])
    walls = np.kron(rng.uniform(0.6, 1.4, (4, 8, 1)), np.ones((HEIGHT // 4, WIDTH // 8, 1)))
    spread = float(rng.uniform(*SOFTNESS))
    around = sky * walls * np.array(light.sky)
    behind = np.clip(-1.5 * ahead[..., 2:] - 0.3, 0, 1)
    around = around + behind * (wall - around)
    key = light.strength * _lobe(light.key, spread)[..., None] * np.array(light.color)
    fill = _lobe(light.fill, spread)[..., None] * np.array(light.fill_light)
    return np.asarray(around + key + fill, np.float32)


def _lobe(toward: Triple, spread: float) -> Floats:
    """Return (HEIGHT, WIDTH), a soft light that a white surface facing it reflects as 1."""
    lobe = np.exp(((directions() * np.array(toward)).sum(-1) - 1) / spread**2)
    return np.asarray(lobe * (np.pi / (lobe * solid_angles()).sum()))


def irradiance(lights: Floats, normals: Floats) -> Floats:
    """Return (..., 3) the light that a white, matt surface in the open reflects.

    Args:
        lights: (HEIGHT, WIDTH, 3) environment map.
        normals: (..., 3) unit.

    Reference:
        Ramamoorthi and Hanrahan, An efficient representation for irradiance environment maps,
        SIGGRAPH 2001: nine harmonics suffice.
    """
    weight = (lights * solid_angles()[..., None]).reshape(-1, 3)
    seen = _harmonics(directions()).reshape(-1, 9)
    band = np.array([1, 2 / 3, 2 / 3, 2 / 3, 1 / 4, 1 / 4, 1 / 4, 1 / 4, 1 / 4])
    # sums in a fixed order, so that the same bytes come out on any number of threads
    share = np.stack([(seen * weight[:, c : c + 1]).sum(0) for c in range(3)], -1) * band[:, None]
    shape = _harmonics(normals)
    return np.asarray(sum(shape[..., i, None] * share[i] for i in range(9)))


def _harmonics(ahead: Floats) -> Floats:
    """Return (..., 9) real spherical harmonics of directions (..., 3)."""
    x, y, z = ahead[..., 0], ahead[..., 1], ahead[..., 2]
    rows = [
        0.282095 + 0 * x, 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y,
        1.092548 * y * z, 0.315392 * (3 * z * z - 1), 1.092548 * x * z, 0.546274 * (x * x - y * y),
    ]  # fmt: skip
    return np.stack(rows, -1)
