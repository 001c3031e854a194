"""The user's download of ICT-FaceKit -> the one file that `ict_rig` reads.

    FaceXModel/generic_neutral_mesh.obj    mean face with materials
    FaceXModel/vertex_indices.json         names of expressions, vertices of the landmarks
    FaceXModel/<expression>.obj            the mean face with one expression
    FaceXModel/identity<number>.obj        the mean face with one component of shape

Expressions and identities are kept as displacements in float16, whose steps stay below 1/1000 cm
for everything that moves less than 2 cm.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fau_tf.synthetic.rigs.ict import action_units
from fau_tf.synthetic.rigs.ict.file import MATERIALS
from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.utils.files import replacing

FOLDER: Final = "FaceXModel"
NEUTRAL: Final = "generic_neutral_mesh.obj"
INDICES: Final = "vertex_indices.json"
IDENTITIES: Final = 60
"""How many identity components are kept; they come in order of their share of the variance."""
IN_PLACE: Final = {"cheekRaiser_L": "cheekSquint_L", "cheekRaiser_R": "cheekSquint_R"}
"""Shape that its list of expressions lacks -> one that takes its place where the folder has no
such file. In the file that the rig was made with, whose cheekRaiser came from elsewhere, the two
point alike (cosine 0.91) and are equally strong (1.03 to 1)."""


def convert(folder: Path, out: Path) -> None:
    """Write the converted file; the same download gives the same bytes.

    Args:
        folder: the download of ICT-FaceKit, or its folder FaceXModel.
        out: the .npz to write; it appears whole or not at all.

    Raises:
        FileNotFoundError: if the download lacks a file.
        ValueError: if a file is malformed, or `out` doesn't end in .npz.
    """
    if out.suffix != ".npz":  # NumPy would write to another name
        raise ValueError(f"The converted file must end in .npz. Received: {out}. Rename it.")
    model = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    indices = _indices(model / INDICES)
    expressions = [*indices["expressions"]]
    expressions += [name for name in action_units.names() if name not in expressions]
    files = [_expression_file(model, name) for name in expressions]
    identities = _identity_files(model)
    neutral, faces, material, names = _neutral(model / NEUTRAL)
    landmarks = _landmarks(model / INDICES, indices, len(neutral))
    content: dict[str, Any] = {
        "neutral": neutral.astype(np.float32),
        "faces": faces,
        "material": material,
        "material_names": np.array(names),
        "expression": _offsets(files, neutral),
        "expression_names": np.array(expressions),
        "identity": _offsets(identities, neutral),
        "landmark68": landmarks,
    }
    with replacing(out) as unfinished:
        np.savez_compressed(unfinished, **content)  # its entries carry no dates


def _indices(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise _malformed(path, f"no JSON: {error}") from error
    names = content.get("expressions") if isinstance(content, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _malformed(path, "no list of names `expressions`")
    return dict(content)


def _landmarks(path: Path, indices: dict[str, Any], count: int) -> NDArray[np.int32]:
    found = indices.get("idx_to_landmark_verts")
    whole = isinstance(found, list) and all(type(i) is int and 0 <= i < count for i in found)
    if not isinstance(found, list) or not whole or len(found) != 68:
        raise _malformed(path, f"no 68 vertices below {count} as `idx_to_landmark_verts`")
    return np.array(found, np.int32)


def _neutral(
    path: Path,
) -> tuple[Floats, NDArray[np.uint16], NDArray[np.int8], list[str]]:
    """Return vertices, triangles, the material of each, and the materials' names."""
    text = _text(path)
    vertices = _vertices(path, text)
    polygons, owner, used = [], [], ""
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "usemtl":
            used = rest.strip()
        elif kind == "f":
            polygons.append(_corners(path, line))
            owner.append(used)
    fans = [[(p[0], p[i], p[i + 1]) for i in range(1, len(p) - 1)] for p in polygons]
    faces = np.array([face for fan in fans for face in fan], np.int64).reshape(-1, 3)
    if not len(faces) or faces.min() < 0 or faces.max() >= len(vertices):
        raise _malformed(path, f"{len(faces)} triangles, not all among {len(vertices)} vertices")
    if len(vertices) > np.iinfo(np.uint16).max:
        raise _malformed(path, f"{len(vertices)} vertices, more than 16 bits can number")
    names = sorted(set(owner))
    lacking = sorted(set(MATERIALS) - set(names))
    if lacking:
        raise _malformed(path, f"no material {', '.join(lacking)}")
    row = {name: i for i, name in enumerate(names)}
    material = [row[name] for name, fan in zip(owner, fans, strict=True) for _ in fan]
    return vertices, faces.astype(np.uint16), np.array(material, np.int8), names


def _corners(path: Path, line: str) -> list[int]:
    try:
        return [int(corner.split("/")[0]) - 1 for corner in line.split()[1:]]
    except ValueError as error:
        raise _malformed(path, f"the line `{line.strip()}`") from error


def _vertices(path: Path, text: str) -> Floats:
    lines = [line[2:] for line in text.splitlines() if line.startswith("v ")]
    if not lines:
        raise _malformed(path, "no vertices")
    try:
        points = np.loadtxt(lines, np.float64, ndmin=2)
    except ValueError as error:
        raise _malformed(path, f"vertices that aren't three numbers: {error}") from error
    if points.shape[1] != 3 or not np.isfinite(points).all():
        raise _malformed(path, f"vertices {points.shape} that aren't three finite numbers each")
    return points


def _expression_file(model: Path, name: str) -> Path:
    path = model / f"{name}.obj"
    if not path.exists() and name in IN_PLACE:
        path = model / f"{IN_PLACE[name]}.obj"
    if not path.exists():  # before time goes into the others
        raise _missing(path)
    return path


def _identity_files(model: Path) -> list[Path]:
    files = sorted(model.glob("identity*.obj"))[:IDENTITIES]
    if not files:
        raise FileNotFoundError(
            f"{model} must hold ICT-FaceKit's identity000.obj and so on. Received: none. Name the "
            f"folder of the download that holds {FOLDER}."
        )
    return files


def _offsets(files: list[Path], neutral: Floats) -> NDArray[np.float16]:
    """Return (N, V, 3), how each file's vertices differ from the mean face's."""
    out = np.empty((len(files), *neutral.shape), np.float16)
    for row, path in zip(out, files, strict=True):
        points = _vertices(path, _text(path))
        if points.shape != neutral.shape:
            raise _malformed(path, f"{len(points)} vertices; the mean face has {len(neutral)}")
        row[:] = points - neutral
    return out


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise _missing(path) from error
    except UnicodeDecodeError as error:
        raise _malformed(path, f"bytes that are no text: {error}") from error


def _missing(path: Path) -> FileNotFoundError:
    return FileNotFoundError(
        f"{path} must be there. Received: no such file. Name the folder of ICT-FaceKit's download "
        f"that holds {FOLDER}."
    )


def _malformed(path: Path, received: str) -> ValueError:
    return ValueError(
        f"{path}: must be as ICT-FaceKit publishes it. Received: {received}. Download it again."
    )
