"""Procedural backgrounds: rooms, landscapes, lights out of focus, people, textures."""

from collections.abc import Callable
from typing import Final

import numpy as np
from scipy import ndimage

from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.scene.scene import NOMINAL, Scene

CELLS = 64
"""Rows and columns of a background before it is enlarged to the photo."""


def background(scene: Scene, size: int, view: Floats) -> Floats:
    """Return (size, size, 3) linear light of a scene's background, fixed to the nominal photo."""
    cells = draw_background(scene.background)
    inverse = np.linalg.inv(np.vstack([view, [0, 0, 1]]))
    v, u = np.mgrid[:size, :size]
    x = inverse[0, 0] * u + inverse[0, 1] * v + inverse[0, 2]
    y = inverse[1, 0] * u + inverse[1, 1] * v + inverse[1, 2]
    place = np.stack([y, x]) * (CELLS / NOMINAL)
    layers = [
        ndimage.map_coordinates(cells[..., i], place, order=1, mode="nearest") for i in range(3)
    ]
    return np.stack(layers, -1).astype(np.float32)


def draw_background(seed: int) -> Floats:
    """Return (CELLS, CELLS, 3) linear light of the background of a seed."""
    rng = np.random.default_rng((seed, 3))
    share = np.array([row[1] for row in BACKGROUNDS])
    draw = BACKGROUNDS[int(rng.choice(len(BACKGROUNDS), p=share / share.sum()))][2]
    light = draw(rng) * rng.uniform(0.5, 1.2)
    blur = float(rng.uniform(0.6, 3.0))  # below, cells would show
    return np.asarray(ndimage.gaussian_filter(light, (blur, blur, 0), mode="nearest"))


def _plain(rng: np.random.Generator) -> Floats:
    """Return a studio wall under one lamp."""
    y, x = _grid()
    lamp = np.exp(-((x - rng.uniform(-0.2, 1.2)) ** 2 + (y - rng.uniform(-0.2, 1)) ** 2) / 0.5)
    return np.asarray(_muted(rng) * (0.5 + 0.7 * lamp[..., None]))


def _room(rng: np.random.Generator) -> Floats:
    """Return walls that meet in a corner, with a window, shelves, pictures and furniture."""
    y, x = _grid()
    out = np.where((x < rng.uniform(0.1, 0.9))[..., None], _muted(rng), _muted(rng) * 0.8)
    out = np.where((y > rng.uniform(0.75, 1.2))[..., None], _muted(rng) * 0.5, out)
    out = out * (0.75 + 0.5 * _cloud(rng, 1.6)[..., None] / 4)
    for _ in range(int(rng.integers(1, 9))):
        _box(out, rng, _muted(rng))
    if rng.random() < 0.4:  # daylight through a window
        _box(out, rng, rng.uniform(1.0, 2.0) * np.array([0.9, 0.97, 1.0]))
    if rng.random() < 0.3:
        _shelf(out, rng)
    return out


def _outside(rng: np.random.Generator) -> Floats:
    """Return sky over trees or houses over a ground."""
    y, _ = _grid()
    horizon = rng.uniform(0.2, 0.8)
    sky = np.array([0.45, 0.62, 0.95]) * rng.uniform(0.5, 1.1)
    sky = sky + np.clip(_cloud(rng, 1.8), 0, 2)[..., None] * rng.uniform(0, 0.3)
    leaves = np.array([rng.uniform(0.04, 0.18), rng.uniform(0.10, 0.24), 0.04])
    leaves = leaves * np.exp(0.55 * _cloud(rng, 1.0))[..., None]
    ground = _muted(rng) * 0.6 * np.exp(0.2 * _cloud(rng, 1.2))[..., None]
    edge = horizon + 0.10 * _cloud(rng, 2.2)
    out = np.where((y < edge)[..., None], sky, leaves)
    for _ in range(int(rng.integers(0, 4))):
        _box(out, rng, _muted(rng))
    return np.where((y > horizon + rng.uniform(0.1, 0.5))[..., None], ground, out)


def _lights(rng: np.random.Generator) -> Floats:
    """Return lamps out of focus at night."""
    y, x = _grid()
    out = _muted(rng) * 0.12 * np.exp(0.4 * _cloud(rng, 1.6))[..., None]
    for _ in range(int(rng.integers(5, 30))):
        far = np.hypot(x - rng.uniform(0, 1), y - rng.uniform(0, 1))
        disc = np.clip((rng.uniform(0.015, 0.08) - far) * 60, 0, 1)
        glow = np.array([1.0, rng.uniform(0.4, 1), rng.uniform(0.1, 1)]) * rng.uniform(0.3, 1.5)
        out = out + disc[..., None] * glow
    return np.asarray(out)


def _crowd(rng: np.random.Generator) -> Floats:
    """Return people out of focus in a room: heads over shoulders."""
    out, (y, x) = _room(rng), _grid()
    for _ in range(int(rng.integers(1, 6))):
        middle, top, wide = rng.uniform(0, 1), rng.uniform(0.2, 0.7), rng.uniform(0.05, 0.13)
        skin = np.array([0.62, 0.40, 0.30]) * rng.uniform(0.15, 1.0)
        body = (np.abs(x - middle) < 2.2 * wide) & (y > top + 1.2 * wide)
        face = ((x - middle) / wide) ** 2 + ((y - top) / (1.3 * wide)) ** 2 < 1
        hair = face & (y < top - 0.5 * wide)
        out = np.where(body[..., None], _muted(rng) * 0.7, out)
        out = np.where(face[..., None], skin, out)
        out = np.where(hair[..., None], np.array([0.05, 0.035, 0.025]), out)
    return out


def _texture(rng: np.random.Generator) -> Floats:
    """Return noise with the power spectrum of natural images."""
    layers = np.stack([_cloud(rng, rng.uniform(0.9, 1.8)) for _ in range(3)], -1)
    # most of nature differs in brightness, little in hue
    mixed = 0.45 * layers[..., :1] + rng.uniform(0.02, 0.12) * layers
    return np.asarray(0.8 * _muted(rng) * np.exp(mixed))


BACKGROUNDS: Final[tuple[tuple[str, float, Callable[[np.random.Generator], Floats]], ...]] = (
    ("plain", 0.18, _plain),
    ("room", 0.32, _room),
    ("outside", 0.20, _outside),
    ("lights", 0.08, _lights),
    ("crowd", 0.10, _crowd),
    ("texture", 0.12, _texture),
)
"""Name, share, and the function that draws it."""


def _grid() -> tuple[Floats, Floats]:
    y, x = np.mgrid[:CELLS, :CELLS] / CELLS
    return y, x


def _cloud(rng: np.random.Generator, slope: float) -> Floats:
    """Return (CELLS, CELLS) noise of amplitude 1 / frequency ** slope; mean 0, deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(CELLS)[:, None], np.fft.rfftfreq(CELLS)[None]) * CELLS
    shape = (CELLS, CELLS // 2 + 1)
    wave = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    field = np.fft.irfft2(wave / np.maximum(frequency, 1) ** slope, (CELLS, CELLS))
    return np.asarray((field - field.mean()) / field.std())


def _box(out: Floats, rng: np.random.Generator, color: Floats) -> None:
    left, top = rng.integers(-10, CELLS, 2)
    width, height = rng.integers(3, 36, 2)
    part = out[max(top, 0) : top + height, max(left, 0) : left + width]
    part += rng.uniform(0.4, 1.0) * (color - part)


def _shelf(out: Floats, rng: np.random.Generator) -> None:
    """Draw rows of thin upright boxes: books."""
    left, width = int(rng.integers(0, CELLS - 12)), int(rng.integers(10, 30))
    for top in range(int(rng.integers(0, 8)), CELLS - 8, int(rng.integers(9, 16))):
        column = left
        while column < min(left + width, CELLS):
            step = int(rng.integers(1, 4))
            tall = int(rng.integers(4, 8))
            out[top + 7 - tall : top + 7, column : column + step] = 0.6 * _muted(rng)
            column += step


def _muted(rng: np.random.Generator) -> Floats:
    """Return a color in linear light, seldom saturated."""
    gray = rng.beta(1.2, 1.8)
    return np.asarray(np.clip(gray * (1 + rng.beta(1, 4) * rng.uniform(-1, 1, 3)), 0, 1))
