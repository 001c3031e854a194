"""UV painting: lines, spots and polygons on the unrolled head."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import cKDTree

from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs.canonical import Template
from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.textures import uv_atlas

SHAPE = (uv_atlas.HEAD_ROWS, uv_atlas.SIZE)
XY = tuple[float, float]


class FaceMap:
    """The map from the template, (x, y) in cm seen from the front, to atlas texels."""

    def __init__(self, face: Template) -> None:
        skin = np.flatnonzero((face.uv[:, 1] < uv_atlas.HEAD_ROWS) & (face.points[:, 2] > -3))
        self._xy, self._uv = face.points[skin, :2], face.uv[skin]
        self._tree = cKDTree(self._xy)
        self._all_uv = face.uv

    def texels(self, points: Sequence[XY] | Floats) -> Floats:
        """Return the (n, 2) texels of points (n, 2) on the face."""
        distance, index = self._tree.query(np.asarray(points, float), k=4)
        weight = 1 / (distance**2 + 1e-4)
        weight /= weight.sum(1, keepdims=True)
        return np.asarray((self._uv[index] * weight[..., None]).sum(1))

    def vertices(self, numbers: Sequence[int]) -> Floats:
        """Return the (n, 2) texels of vertices of the face mesh."""
        return np.asarray(self._all_uv[list(numbers)])


def blank() -> Floats:
    """Return an empty mask of the head, float32."""
    return np.zeros(SHAPE, np.float32)


def line(points: Floats, width: float, *, taper: bool = True) -> Floats:
    """Return a soft line, 1 on it, through texels (n, 2); width is one sigma in cm."""
    out = blank()
    sigma = width * uv_atlas.TEXELS
    dense = _resampled(points, max(1.0, sigma / 2))
    strength = np.sin(np.linspace(0.25, np.pi - 0.25, len(dense))) if taper else np.ones(len(dense))
    reach = int(np.ceil(3.2 * sigma)) + 1
    for (x, y), amount in zip(dense, strength, strict=True):
        rows, columns = _window(x, y, reach)
        gap = (np.arange(SHAPE[0])[rows, None] - y) ** 2 + (np.arange(SHAPE[1])[columns] - x) ** 2
        dot = amount * np.exp(-gap / (2 * sigma**2))
        out[rows, columns] = np.maximum(out[rows, columns], dot)
    return out


def spot(center: Floats, sigma_x: float, sigma_y: float) -> Floats:
    """Return a soft spot, 1 at a texel (2,); sigmas in cm."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    gap = ((x - center[0]) / sigma_x) ** 2 + ((y - center[1]) / sigma_y) ** 2
    return np.asarray(np.exp(-gap / (2 * uv_atlas.TEXELS**2)), np.float32)


def polygon(corners: Floats, softness: float) -> Floats:
    """Return a filled polygon with texel corners (n, 2), its edge blurred by softness in cm."""
    scale = 3
    image = Image.new("L", (SHAPE[1] * scale, SHAPE[0] * scale))
    ImageDraw.Draw(image).polygon([tuple((p + 0.5) * scale) for p in corners], fill=255)
    full = np.asarray(image, np.float32) / 255
    small = full.reshape(SHAPE[0], scale, SHAPE[1], scale).mean((1, 3))
    return np.asarray(ndimage.gaussian_filter(small, softness * uv_atlas.TEXELS))


def both(field: Floats) -> Floats:
    """Return a mask of the right side of the face with its reflection."""
    return np.asarray(np.maximum(field, mirrored(field)))


def mirrored(field: Floats) -> Floats:
    """Return the reflection of a mask: texel column u moves to SIZE - u."""
    return np.roll(field[:, ::-1], 1, axis=1)


def lips(face: FaceMap) -> tuple[Floats, Floats]:
    """Return the masks of the red of the lips and of the line between them."""
    outline = face.vertices(topology.OUTER_LIPS)
    seam = face.vertices((78, *topology.UPPER_INNER_LIP, 308))
    return polygon(outline, 0.07), line(seam, 0.07, taper=False)


def _resampled(points: Floats, step: float) -> Floats:
    length = np.append(0, np.cumsum(np.sqrt((np.diff(points, axis=0) ** 2).sum(1))))
    count = max(2, int(np.ceil(length[-1] / step)) + 1)
    place = np.linspace(0, length[-1], count)
    return np.stack([np.interp(place, length, points[:, i]) for i in (0, 1)], 1)


def _window(x: float, y: float, reach: int) -> tuple[slice, slice]:
    column, row = round(x), round(y)
    rows = slice(max(0, row - reach), max(0, row + reach + 1))
    return rows, slice(max(0, column - reach), max(0, column + reach + 1))
