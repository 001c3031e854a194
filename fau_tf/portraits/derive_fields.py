"""AU displacement fields of other face models, carried over to the 468 vertices of the face mesh.

The result, `data/au_fields.npz`, is part of the package: the models themselves are not needed to
edit portraits. `python -m fau_tf.cli.synthesize derive-fields` writes it again.
"""

import gzip
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from fau_tf import facs
from fau_tf.portraits.fields import FaceShape, canonical_fields, face_shape
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs.ict.rig import ict_rig
from fau_tf.synthetic.rigs.rig import FaceRig, Floats, Ints
from fau_tf.utils.files import replacing

GNM_BASIS: Final = "gnm_expression_basis.gne.gz"
GNM_VERTICES: Final = "head_dense_468.txt"
RIDGE: Final = 0.1
"""Weight of the squared coefficients, in units of a vertex' squared displacement in cm: at 0.03 the
coefficients leave the range of scans (4 sd), at 0.3 brows move a third as far."""
LARGEST_RESIDUAL: Final = 0.75
"""Share of a field's norm that a projection may lose; AU5 loses 0.87, for GNM's scans hardly have
wide eyes."""
_NEIGHBORS: Final = 4
_GNM_HEAD: Final = struct.Struct("<4sIII")
"""Magic, components, vertices, axes."""


def write(path: Path, *, ict: Path | None, gnm: Path | None) -> dict[str, list[int]]:
    """Write the fields of the models given; return model -> its AUs.

    Args:
        path: The `.npz` to write: `<model>_<AU>` -> (468, 3) float16, cm at intensity 5.
        ict: Converted ICT-FaceKit.
        gnm: Folder with GNM_BASIS and GNM_VERTICES of Google's GNM head.

    Raises:
        ValueError: If a file is not what it should be.
        FileNotFoundError: If one is missing.
    """
    found: dict[str, Mapping[int, Floats]] = {}
    if ict:
        found["ict"] = ict_fields(ict_rig(ict), face_shape())
    if gnm:
        found["gnm"] = gnm_fields(gnm, face_shape())
    arrays = {
        f"{model}_{au}": field.astype(np.float16)
        for model, fields in found.items()
        for au, field in fields.items()
    }
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    return {model: sorted(fields) for model, fields in found.items()}


def gnm_fields(folder: Path, shape: FaceShape) -> dict[int, Floats]:
    """Return the canonical rig's AU fields as GNM's expression basis makes them.

    Each is the least-squares combination of the basis, with small coefficients, so that the skin
    around the pull moves as it does in scans; its length along the rig's field is kept.
    """
    basis = gnm_basis(folder)
    columns = basis.reshape(len(basis), -1).T  # (1404, C)
    normal = columns.T @ columns + RIDGE * np.eye(len(basis))
    out = {}
    for au, field in canonical_fields(shape).items():
        wanted = field.ravel()
        made = (columns @ np.linalg.solve(normal, columns.T @ wanted)).reshape(field.shape)
        made = 0.5 * (made + made[shape.mirror] * [-1, 1, 1])
        lost = np.sqrt(((made - field) ** 2).sum() / (wanted @ wanted))
        if lost <= LARGEST_RESIDUAL:
            out[au] = made * (wanted @ wanted) / (made.ravel() @ wanted)
    return out


def gnm_basis(folder: Path) -> Floats:
    """Return GNM's (C, 468, 3) expression basis on MediaPipe's vertices, in cm.

    Raises:
        ValueError: If a file has another format.
        FileNotFoundError: If one is missing.
    """
    content = _unpacked(folder / GNM_BASIS)
    if len(content) < _GNM_HEAD.size:
        raise _no_basis(folder / GNM_BASIS, f"{len(content)} bytes")
    magic, components, vertices, axes = _GNM_HEAD.unpack_from(content)
    end = _GNM_HEAD.size + 4 * components * axes
    size = end + components * vertices * axes
    if magic != b"GNE1" or components == 0 or axes != 3 or len(content) != size:
        shape = f"{components} x {vertices} x {axes}"
        raise _no_basis(folder / GNM_BASIS, f"{magic!r}, {shape}, {len(content)} bytes")
    scale = np.frombuffer(content, "<f4", components * axes, _GNM_HEAD.size).reshape(
        components, 1, axes
    )
    steps = np.frombuffer(content, np.int8, offset=end).reshape(components, vertices, axes)
    corner, weight = _gnm_vertices(folder / GNM_VERTICES, vertices)
    out = np.zeros((components, topology.FACE_VERTICES, 3))
    for i in range(3):
        out += steps[:, corner[:, i]] * weight[:, i, None]
    return np.asarray(100 * scale * out)  # from meters


def _unpacked(path: Path) -> bytes:
    packed = path.read_bytes()
    try:
        return gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise _no_basis(path, f"{len(packed)} bytes, {error}") from error


def _no_basis(path: Path, received: str) -> ValueError:
    return ValueError(
        f"{path} must be a GNE1 basis. Received: {received}. Take the file from google/GNM."
    )


def _gnm_vertices(path: Path, vertices: int) -> tuple[Ints, Floats]:
    """Return (468, 3) vertices of the basis, which has `vertices`, and their weights."""
    try:
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        table = np.array([row for row in rows if len(row) == 6 and row[0][0].isdigit()], float)
    except ValueError as error:
        raise _no_vertices(path, str(error)) from error
    if table.shape != (topology.FACE_VERTICES, 6):
        raise _no_vertices(path, f"{table.shape}")
    corner, weight = table[:, ::2], table[:, 1::2]
    if not ((corner >= 0) & (corner < vertices)).all() or not np.isfinite(weight).all():
        raise _no_vertices(path, f"vertices or weights outside of a basis of {vertices} vertices")
    return corner.astype(int), weight


def _no_vertices(path: Path, received: str) -> ValueError:
    return ValueError(
        f"{path} must have {topology.FACE_VERTICES} rows of three vertices and weights. Received: "
        f"{received}. Take the file from google/GNM."
    )


def ict_fields(rig: FaceRig, shape: FaceShape) -> dict[int, Floats]:
    """Return a rig's AU fields at the places of the face mesh in the UV atlas.

    Lips and lids touch in the atlas though they move apart, so a vertex of a lower lip takes the
    movement only of vertices that follow the jaw, and one of an upper lid only of those that a
    blink lowers.
    """
    jaw = -rig.action_units[26][:, 1]
    blink = -rig.action_units[45][:, 1]
    everywhere = np.ones(len(rig.neutral), bool)
    skin = rig.uv[:, 1] < shape.uv[:, 1].max() + 40
    groups = (
        (topology.LOWER_LIP, jaw > 0.5 * jaw.max()),
        (topology.UPPER_LIP, jaw < 0.3 * jaw.max()),
        (_both_sides(topology.RIGHT_UPPER_LID, shape), blink > 0.3 * blink.max()),
        (_both_sides(topology.RIGHT_LOWER_LID, shape), blink < 0.1 * blink.max()),
    )
    index, weight = _nearest(rig, shape, np.arange(topology.FACE_VERTICES), everywhere & skin)
    for vertices, allowed in groups:
        own = np.array(vertices)
        index[own], weight[own] = _nearest(rig, shape, own, allowed & skin)
    moves = dict(rig.action_units)
    out = {}
    for au, field in moves.items():
        made = (field[index] * weight[..., None]).sum(1)
        out[au] = 0.5 * (made + made[shape.mirror] * [-1, 1, 1])
    return {au: out[au] for au in facs.AUS}


def _both_sides(right: tuple[int, ...], shape: FaceShape) -> tuple[int, ...]:
    return (*right, *shape.mirror[list(right)].tolist())


def _nearest(
    rig: FaceRig, shape: FaceShape, own: Ints, allowed: npt.NDArray[np.bool_]
) -> tuple[Ints, Floats]:
    """Return (n, k) vertices of the rig nearest in the atlas, and their (n, k) weights."""
    candidates = np.flatnonzero(allowed)
    distance, index = cKDTree(rig.uv[candidates]).query(shape.uv[own], k=_NEIGHBORS)
    weight = 1 / (distance**2 + 1.0)
    return candidates[index], weight / weight.sum(1, keepdims=True)
