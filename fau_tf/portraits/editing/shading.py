"""Furrows and bulges of AUs as ratio images: the face shaded with and without them.

The light is estimated from the portrait itself. A photo times the ratio of two shadings shows the
wrinkles under its own light, whatever the skin.

References:
    Liu, Shan and Zhang, "Expressive expression mapping with ratio images", SIGGRAPH 2001.
    Ramamoorthi and Hanrahan, "An efficient representation for irradiance environment maps", 2001.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from fau_tf.portraits.editing import warp
from fau_tf.portraits.editing.windows import Window, opencv, px_of, window_around
from fau_tf.portraits.fields import FaceShape, face_shape
from fau_tf.portraits.pose import Pose
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs import mesh
from fau_tf.synthetic.rigs.rig import Floats, Ints, side_share
from fau_tf.synthetic.textures import uv_atlas, uv_masks, wrinkles

Map = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]

STEP: Final = 2
"""Texels of the atlas per value of a relief: it has 14 per cm, so a relief 7; portraits of 160 px
have 6 px per cm, of 200 px 7."""
_BLOCK: Final = 4
"""Side, px at MEASURED, of the blocks of a photo whose mean brightness the light explains."""
GAMMA: Final = 2.2
DARKEST, BRIGHTEST = 0.30, 1.6
"""Limits of the ratio, in linear light."""
OCCLUSION: Final = 2.2
"""Light that a furrow loses per cm of its depth: it sees less of the surroundings."""
SLOPE: Final = 0.8
"""Factor on slopes: light scattered in skin softens them."""
_EMPTY: Final = -1.0
_FULL: Final = 254.0
_FLAT: Final = 2e-3
"""Sum of slopes and height below which a pixel stays as it is."""


@dataclass(frozen=True, eq=False)
class Light:
    """Irradiance of a normal n = (x, y, z): `base + linear @ n + n @ square @ n`, relative."""

    base: float
    linear: Floats
    square: Floats

    def at(self, normal: Map) -> Map:
        """Return (...,) irradiance of normals (..., 3), at least 0.05."""
        x, y, z = normal[..., 0], normal[..., 1], normal[..., 2]
        a, b, c = (np.float32(v) for v in self.linear)
        q = self.square.astype(np.float32)
        out = np.float32(self.base) + a * x + b * y + c * z
        out += q[0, 0] * x * x + q[1, 1] * y * y + q[2, 2] * z * z
        out += 2 * (q[0, 1] * x * y + q[0, 2] * x * z + q[1, 2] * y * z)
        return np.asarray(np.maximum(out, np.float32(0.05)))


@dataclass(frozen=True, eq=False)
class Relief:
    """Where the skin of a portrait lies in the atlas, and how it is lit.

    Attributes:
        window: The face in the photo; H and W are its rows and columns.
        texel: (H, W, 2) place in the reliefs; -1 outside the face.
        normal: (H, W, 3) unit, in the camera's axes.
        axes: (3, 3), rows: the axes of the head in the camera's.
        light: Of the portrait.
        skin: (H, W), 1 on skin to 0 on hair, beard and glasses, which have no wrinkles.
    """

    window: Window
    texel: Map
    normal: Map
    axes: Map
    light: Light
    skin: Map


def relief(photo: Image, points: Floats, pose: Pose, faces: Ints) -> Relief:
    """Return the relief of a portrait.

    Args:
        photo: (S, S, 3) uint8.
        points: (468, 2) mesh, px.
        pose: Of the face.
        faces: (F, 3) triangles, the farthest first.
    """
    shape = face_shape()
    normals = pose.turned(_normals(shape))
    rows = uv_atlas_place(shape)
    values = np.hstack([rows, normals]).astype(np.float32)
    window = window_around(points, len(photo), 0)
    shown = (window.height, window.width)
    flat = warp.interpolate(window.local(points), values, faces, shown, _EMPTY)
    texel, normal = flat[..., :2], flat[..., 2:]
    normal = np.asarray(normal / np.maximum(_length(normal), np.float32(1e-6)), np.float32)
    light = estimate_light(photo, points, normals)
    skin = _skin_share(window.of(photo), window.local(points), light, normal)
    return Relief(window, texel, normal, pose.rotation.T.astype(np.float32), light, skin)


def estimate_light(photo: Image, points: Floats, normals: Floats) -> Light:
    """Return the light that explains the brightness of the skin best.

    Args:
        photo: (S, S, 3) uint8.
        points: (468, 2) mesh, px.
        normals: (468, 3) unit, in the camera's axes.
    """
    cv2 = opencv()
    block = _BLOCK * px_of(len(photo))
    soft = cv2.resize(photo, None, fx=1 / block, fy=1 / block, interpolation=cv2.INTER_AREA)
    skin = _skin()
    at = np.floor((points[skin] + 0.5) / block).astype(int).clip(0, len(soft) - 1)
    seen = (soft[at[:, 1], at[:, 0]].mean(1) / 255) ** GAMMA
    seen = seen / max(seen.mean(), 1e-3)
    columns = _harmonics(normals[skin])
    weight = (normals[skin, 2] > 0.2).astype(float)
    ridge = np.diag([1e-3, 0.5, 0.5, 0.5, *(6.0,) * 5])
    solution = np.zeros(9)
    for _ in range(3):  # brows, beards and highlights are no light: weigh outliers less
        weighted = columns * weight[:, None]
        solution = np.linalg.solve(weighted.T @ columns + ridge, weighted.T @ seen)
        error = seen - columns @ solution
        weight = (normals[skin, 2] > 0.2) / (1 + (error / 0.15) ** 2)
    b, x, y, z, xy, xz, yz, zz, xx_yy = solution
    square = np.array([[xx_yy, xy, xz], [xy, -xx_yy, yz], [xz, yz, 3 * zz]])
    return Light(float(b - zz), np.array([x, y, z]), square)


def crease(
    photo: Image, portrait: Relief, change: Mapping[int, float], variant: int,
    gains: Mapping[int, Map] | None = None,
) -> Image:  # fmt: skip
    """Return the photo (S, S, 3) with other wrinkles, at the same places.

    Args:
        photo: (S, S, 3) uint8.
        portrait: Its relief.
        change: AU -> by how much deeper its wrinkles become, 1 as at intensity 5.
        variant: Of the wrinkles, below `wrinkles.VARIANTS`.
        gains: AU -> factors on its change where `column_sides` are; without them both sides
            change alike.
    """
    reliefs = _reliefs(variant)
    total = np.zeros_like(next(iter(reliefs.values())))
    for au, value in change.items():
        if value and au in reliefs:
            gain = (gains or {}).get(au, np.ones((1, 1), np.float32))
            total += (np.float32(value) * gain) * reliefs[au]
    cv2 = opencv()
    here = cv2.remap(total, portrait.texel, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    strong = np.abs(here[..., 0]) + np.abs(here[..., 1]) + np.abs(here[..., 2])
    touched = np.flatnonzero((strong * portrait.skin).ravel() > _FLAT)
    out = photo.copy()
    if len(touched):
        part = portrait.window.of(out)
        row, column = np.divmod(touched, part.shape[1])
        factor = _ratio(portrait, here.reshape(-1, 3)[touched], touched)
        seen = part[row, column].astype(np.float32)
        # A channel that is full can't grow with the others: skin would turn gray.
        room = _FULL / np.maximum(np.maximum(seen[:, 0], seen[:, 1]), np.maximum(seen[:, 2], 1))
        factor = np.minimum(factor, np.maximum(room, 1))
        part[row, column] = (seen * factor[:, None] + 0.5).astype(np.uint8)
    return out


def _ratio(portrait: Relief, here: Map, touched: npt.NDArray[np.intp]) -> Map:
    """Return (n,) factors on the gray levels of touched pixels with slopes and heights (n, 3)."""
    normal = portrait.normal.reshape(-1, 3)[touched]
    here = here * portrait.skin.ravel()[touched][:, None]
    # The atlas unrolls a cylinder: its columns run around the head, its rows along the axis.
    column = portrait.texel.reshape(-1, 2)[touched, 0] * STEP + _COLUMNS0
    angle = (column - uv_atlas.SIZE / 2) / np.float32(uv_atlas.RADIUS * uv_atlas.TEXELS)
    axes = portrait.axes
    across = np.cos(angle)[:, None] * axes[0] - np.sin(angle)[:, None] * axes[2]
    tilted = normal - SLOPE * (here[:, :1] * across + here[:, 1:2] * axes[1])
    tilted /= _length(tilted)
    light = portrait.light.at(tilted) / portrait.light.at(normal)
    height = np.clip(here[:, 2], -0.6 / OCCLUSION, 0.2)
    light *= 1 + OCCLUSION * np.where(height < 0, height, 0.3 * height)
    return np.asarray(np.clip(light, DARKEST, BRIGHTEST) ** np.float32(1 / GAMMA), np.float32)


def _skin_share(photo: Image, points: Floats, light: Light, normal: Map) -> Map:
    at = np.round(points[_skin()]).astype(int).clip(0, np.array(photo.shape[1::-1]) - 1)
    usual = np.log(np.median(photo[at[:, 1], at[:, 0]], axis=0) + 8)
    cv2 = opencv()
    logarithm = np.log(np.arange(256) + 8.0).astype(np.float32)
    normal = np.ascontiguousarray(normal[::2, ::2])
    half = cv2.resize(photo, normal.shape[1::-1], interpolation=cv2.INTER_AREA)
    soft = cv2.LUT(half, logarithm)
    red, green, blue = (soft[..., i] - np.float32(usual[i]) for i in range(3))
    level = (red + green + blue) / 3
    tint = np.abs(red - level) + np.abs(green - level) + np.abs(blue - level)
    lit = np.log(light.at(normal) / light.at(_AHEAD)) / np.float32(GAMMA)
    level = np.minimum(level - np.minimum(lit, 0), 0)  # shadows are no hair; glints are skin
    share = np.clip(1.9 + level / 0.4 - tint / 0.35, 0, 1).astype(np.float32)
    return np.asarray(cv2.resize(share, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR))


_AHEAD: Final = np.array([0.0, 0.0, 1.0], np.float32)


def _length(vectors: Map) -> Map:
    """Return (..., 1); a sum over an axis of three is much slower."""
    x, y, z = vectors[..., :1], vectors[..., 1:2], vectors[..., 2:]
    return np.asarray(np.sqrt(x * x + y * y + z * z))


@lru_cache(maxsize=wrinkles.VARIANTS)
def _reliefs(variant: int) -> dict[int, Map]:
    """Return AU -> (rows, columns, 3): slope across and up, and height in cm, at intensity 5."""
    out = {}
    for au, height in uv_masks.wrinkle_heights(variant).items():
        coarse = 0.25 * sum(
            height[i : i + _EVEN[0] : 2, j : j + _EVEN[1] : 2] for i in (0, 1) for j in (0, 1)
        )
        rise = uv_atlas.TEXELS / STEP
        down, across = np.gradient(coarse)
        out[au] = np.stack([across * rise, -down * rise, coarse], -1).astype(np.float32)
    return out


_ROWS0, _COLUMNS0 = wrinkles.ROWS.start, wrinkles.COLUMNS.start
_EVEN: Final = (
    (wrinkles.ROWS.stop - _ROWS0) // 2 * 2,
    (wrinkles.COLUMNS.stop - _COLUMNS0) // 2 * 2,
)


def uv_atlas_place(shape: FaceShape) -> Floats:
    """Return (468, 2), the place of each vertex in the reliefs."""
    return np.asarray((shape.uv - (_COLUMNS0, _ROWS0) - 0.5) / STEP)


@lru_cache(maxsize=1)
def column_sides() -> Map:
    """Return (columns, 1) `side_share` of the reliefs' columns."""
    count = next(iter(_reliefs(0).values())).shape[1]
    column = (np.arange(count) + 0.5) * STEP + _COLUMNS0
    angle = (column - uv_atlas.SIZE / 2) / (uv_atlas.RADIUS * uv_atlas.TEXELS)
    across = uv_atlas.RADIUS * np.sin(angle)
    return side_share(across[:, None])[:, None].astype(np.float32)


@lru_cache(maxsize=1)
def _skin() -> npt.NDArray[np.intp]:
    """Return the vertices on skin: without lips, eyelids and brows."""
    other = {
        *topology.UPPER_LIP, *topology.LOWER_LIP, *topology.LIP_CORNERS, *topology.RIGHT_EYE,
        *topology.LEFT_EYE, *topology.RIGHT_BROW_TOP, *topology.RIGHT_BROW_BOTTOM,
        *topology.FACE_OVAL,
    }  # fmt: skip
    return np.array([v for v in range(topology.FACE_VERTICES) if v not in other])


@lru_cache(maxsize=1)
def _normals(shape: FaceShape) -> Floats:
    operator = mesh.normal_operator(len(shape.points), shape.faces)
    return mesh.vertex_normals(shape.points, shape.faces, operator)


def _harmonics(normal: Floats) -> Floats:
    """Return (n, 9), the real spherical harmonics up to the second order, without factors."""
    x, y, z = normal.T
    return np.stack(
        [np.ones_like(x), x, y, z, 2 * x * y, 2 * x * z, 2 * y * z, 3 * z * z - 1, x * x - y * y], 1
    )
