"""A download of ICT-FaceKit -> the one file that `ict_rig` reads.

The checkout's FaceXModel folder holds one Wavefront OBJ a shape: generic_neutral_mesh.obj,
identity000.obj and so on, and one for each expression that vertex_indices.json lists; there also
stand the vertices of the 68 landmarks. The cheek raisers, which some versions list and others
don't, are taken from their OBJ files if those are there.
"""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from fau_tf.synthetic import ict_units
from fau_tf.synthetic.rig import Floats
from fau_tf.whole_file import replacing

NEUTRAL: Final = "generic_neutral_mesh.obj"
INDEX: Final = "vertex_indices.json"
IDENTITIES: Final = 60
"""Shapes of identity that are kept; those after move the mean vertex by less than 0.1 mm."""


def convert(folder: Path, out: Path) -> None:
    """Write the file of a download; the same download gives the same bytes.

    Args:
        folder: of the checkout, or its FaceXModel.
        out: the .npz to write.

    Raises:
        ValueError: If a file is missing or not what it must be.
    """
    model = folder if (folder / NEUTRAL).is_file() else folder / "FaceXModel"
    index = _index(model / INDEX)
    neutral, faces, material = _mesh(model / NEUTRAL)
    listed = [str(name) for name in index["expressions"]]
    wanted = [*listed, *(name for name in ict_units.names() if name not in listed)]
    identities = sorted(model.glob("identity*.obj"))[:IDENTITIES]
    if not identities:
        raise _bad(model, "identity*.obj", "none")
    names = sorted(set(material))
    landmarks = np.array(index["idx_to_landmark_verts"], np.int32)
    if landmarks.shape != (68,):
        raise _bad(model / INDEX, "68 numbers as idx_to_landmark_verts", str(landmarks.shape))
    content = {
        "neutral": neutral.astype(np.float32),
        "faces": faces.astype(np.uint16 if len(neutral) < 2**16 else np.uint32),
        "material": np.array([names.index(name) for name in material], np.int8),
        "material_names": np.array(names),
        "expression": _shapes([model / f"{name}.obj" for name in wanted], neutral),
        "expression_names": np.array(wanted),
        "identity": _shapes(identities, neutral),
        "landmark68": landmarks,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as unfinished, unfinished.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **content)


def _index(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _bad(path, "a JSON file", str(error)) from error
    for key in ("expressions", "idx_to_landmark_verts"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise _bad(path, f"a list as {key}", "none")
    return dict(content)


def _mesh(path: Path) -> tuple[Floats, np.ndarray, list[str]]:
    """Return vertices, triangles, and the name of each triangle's material."""
    faces, material, current = [], [], ""
    for line in _lines(path):
        fields = line.split()
        if fields[:1] == ["usemtl"]:
            current = fields[1]
        elif fields[:1] == ["f"]:
            corner = [int(field.split("/")[0]) - 1 for field in fields[1:]]
            for second, third in pairwise(corner[1:]):  # a fan
                faces.append((corner[0], second, third))
                material.append(current)
    if not faces:
        raise _bad(path, "faces", "none")
    return _vertices(path), np.array(faces, np.int64), material


def _shapes(paths: Sequence[Path], neutral: Floats) -> np.ndarray:
    """Return (N, V, 3) float16, how each shape differs from the neutral one."""
    out = np.empty((len(paths), *neutral.shape), np.float16)
    for row, path in zip(out, paths, strict=True):
        points = _vertices(path)
        if points.shape != neutral.shape:
            raise _bad(path, f"{len(neutral)} vertices, as {NEUTRAL}", str(len(points)))
        row[:] = points - neutral
    return out


def _vertices(path: Path) -> Floats:
    numbers = [line.split()[1:4] for line in _lines(path) if line.startswith("v ")]
    try:
        return np.array(numbers, np.float64).reshape(-1, 3)
    except ValueError as error:
        raise _bad(path, "three numbers a vertex", str(error)) from error


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(path, "a readable OBJ file", str(error)) from error


def _bad(path: Path, wanted: str, received: str) -> ValueError:
    return ValueError(
        f"{path}: must be, or have, {wanted}. Received: {received}. Give the folder of a complete "
        "download of ICT-FaceKit, which holds FaceXModel."
    )
