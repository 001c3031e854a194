"""Conversion of a download of ICT-FaceKit to the one file that `ict_rig` reads.

    FaceXModel/generic_neutral_mesh.obj    mean face with materials
    FaceXModel/vertex_indices.json         names of expressions, vertices of the landmarks
    FaceXModel/<expression>.obj            the mean face with one expression
    FaceXModel/identity<number>.obj        the mean face with one component of shape

Expressions and identities are stored as displacements in float16, whose steps stay below 0.001 cm
for displacements below 2 cm.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fau_tf.synthetic.rigs.ict import action_units
from fau_tf.synthetic.rigs.ict.ict_file import MATERIALS
from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.utils.files import replacing

FOLDER: Final = "FaceXModel"
NEUTRAL: Final = "generic_neutral_mesh.obj"
INDICES: Final = "vertex_indices.json"
IDENTITIES: Final = 60
"""Number of identity components kept; they are sorted by their share of the variance."""
SUBSTITUTES: Final = {"cheekRaiser_L": "cheekSquint_L", "cheekRaiser_R": "cheekSquint_R"}
"""Shape -> its substitute where the folder has no such file. In the file that the rig was made
with, whose cheekRaiser had another source, the two have nearly the same direction (cosine 0.91) and
size (1.03 to 1)."""


def convert(folder: Path, out: Path) -> None:
    """Write the converted file; the same download gives the same bytes.

    Args:
        folder: the download of ICT-FaceKit, or its folder FaceXModel.
        out: the .npz to write; an error leaves an older file as it was.

    Raises:
        FileNotFoundError: if the download lacks a file.
        ValueError: if a file is malformed, or `out` doesn't end in .npz.
    """
    if out.suffix != ".npz":  # NumPy would write to another name
        raise ValueError(f"The converted file must end in .npz, not {out.name}. Rename it.")
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
        raise _malformed(path, f"it is not JSON: {error}") from error
    names = content.get("expressions") if isinstance(content, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _malformed(path, "it has no list of names `expressions`")
    return dict(content)


def _landmarks(path: Path, indices: dict[str, Any], count: int) -> NDArray[np.int32]:
    found = indices.get("idx_to_landmark_verts")
    whole = isinstance(found, list) and all(type(i) is int and 0 <= i < count for i in found)
    if not isinstance(found, list) or not whole or len(found) != 68:
        raise _malformed(path, f"`idx_to_landmark_verts` is not 68 vertices below {count}")
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
        raise _malformed(path, f"its {len(faces)} triangles do not fit {len(vertices)} vertices")
    if len(vertices) > np.iinfo(np.uint16).max:
        raise _malformed(path, f"it has {len(vertices)} vertices, more than 16 bits can number")
    names = sorted(set(owner))
    lacking = sorted(set(MATERIALS) - set(names))
    if lacking:
        raise _malformed(path, f"it has no material {', '.join(lacking)}")
    row = {name: i for i, name in enumerate(names)}
    material = [row[name] for name, fan in zip(owner, fans, strict=True) for _ in fan]
    return vertices, faces.astype(np.uint16), np.array(material, np.int8), names


def _corners(path: Path, line: str) -> list[int]:
    try:
        return [int(corner.split("/")[0]) - 1 for corner in line.split()[1:]]
    except ValueError as error:
        raise _malformed(path, f"it has the line `{line.strip()}`") from error


def _vertices(path: Path, text: str) -> Floats:
    lines = [line[2:] for line in text.splitlines() if line.startswith("v ")]
    if not lines:
        raise _malformed(path, "it has no vertices")
    try:
        points = np.loadtxt(lines, np.float64, ndmin=2)
    except ValueError as error:
        raise _malformed(path, f"a vertex is not three numbers: {error}") from error
    if points.shape[1] != 3 or not np.isfinite(points).all():
        raise _malformed(path, "a vertex is not three finite numbers")
    return points


def _expression_file(model: Path, name: str) -> Path:
    path = model / f"{name}.obj"
    if not path.exists() and name in SUBSTITUTES:
        path = model / f"{SUBSTITUTES[name]}.obj"
    if not path.exists():  # before time is spent on the others
        raise _missing(path)
    return path


def _identity_files(model: Path) -> list[Path]:
    files = sorted(model.glob("identity*.obj"))[:IDENTITIES]
    if not files:
        raise FileNotFoundError(
            f"{model} has no identity000.obj and so on. Give the folder of the ICT-FaceKit "
            f"download that holds {FOLDER}."
        )
    return files


def _offsets(files: list[Path], neutral: Floats) -> NDArray[np.float16]:
    """Return (N, V, 3), the displacements of each file's vertices from the mean face."""
    out = np.empty((len(files), *neutral.shape), np.float16)
    for row, path in zip(out, files, strict=True):
        points = _vertices(path, _text(path))
        if points.shape != neutral.shape:
            raise _malformed(path, f"it has {len(points)} vertices, the mean face {len(neutral)}")
        row[:] = points - neutral
    return out


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise _missing(path) from error
    except UnicodeDecodeError as error:
        raise _malformed(path, f"it is not text: {error}") from error


def _missing(path: Path) -> FileNotFoundError:
    return FileNotFoundError(
        f"{path} does not exist. Give the folder of the ICT-FaceKit download that holds {FOLDER}."
    )


def _malformed(path: Path, problem: str) -> ValueError:
    return ValueError(f"{path} is not as ICT-FaceKit publishes it: {problem}. Download it again.")
