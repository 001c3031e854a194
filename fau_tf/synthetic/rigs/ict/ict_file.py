"""The converted ICT-FaceKit, one .npz file, and its validation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from fau_tf.synthetic.rigs.ict import action_units
from fau_tf.synthetic.rigs.rig import Floats, Ints

SKIN_END, MOUTH_END, SOCKETS_END = 11248, 13294, 14062
"""First vertices after the skin of head and neck, the mouth's inside, and the eye sockets.

Reference:
    The table of geometries in ICT-FaceKit's README.
"""
MATERIALS: Final = (
    "M_BackHead", "M_EyeBlend", "M_EyeLashes", "M_EyeOcclusion", "M_Face", "M_GumsTongue",
    "M_IrisLeft", "M_IrisRight", "M_LacrimalFluid", "M_ScleraLeft", "M_ScleraRight", "M_Teeth",
)  # fmt: skip
_ANY: Final = -3
# key -> kinds of dtype, shape (-1: V vertices, -2: F faces, -3: any)
_KEYS: Final[dict[str, tuple[str, tuple[int, ...]]]] = {
    "neutral": ("f", (-1, 3)),
    "faces": ("iu", (-2, 3)),
    "material": ("iu", (-2,)),
    "material_names": ("U", (-3,)),
    "expression": ("f", (-3, -1, 3)),
    "expression_names": ("U", (-3,)),
    "identity": ("f", (-3, -1, 3)),
    "landmark68": ("iu", (68,)),
}


@dataclass(frozen=True, eq=False)
class IctFile:
    """Arrays of the file, in ICT-FaceKit's axes: cm, x to the image's right, y up, z front.

    Attributes:
        neutral: (V, 3) mean face.
        faces: (F, 3) triangles.
        material: (F,) row of `material_names`.
        material_names: among them MATERIALS.
        expression: name -> (V, 3) displacement.
        identity: (I, V, 3) displacement of one standard deviation.
        landmarks: 68 vertices in iBUG order.
    """

    neutral: Floats
    faces: Ints
    material: Ints
    material_names: tuple[str, ...]
    expression: dict[str, Floats]
    identity: Floats
    landmarks: Ints

    def faces_of(self, *materials: str) -> Ints:
        """Return the triangles of these materials."""
        rows = [self.material_names.index(name) for name in materials]
        return self.faces[np.isin(self.material, rows)]


def load(path: Path) -> IctFile:
    """Return the content of a converted file.

    Raises:
        ValueError: If it is not a file that `convert-ict` writes.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {name: file[name] for name in file.files}
    except Exception as error:  # damaged zip and array headers raise many types
        raise _bad(path, f"{type(error).__name__}: {error}") from error
    _check(path, content)
    names = content["expression_names"].tolist()
    return IctFile(
        neutral=content["neutral"].astype(np.float64),
        faces=content["faces"].astype(np.int64),
        material=content["material"],
        material_names=tuple(content["material_names"].tolist()),
        expression=dict(zip(names, content["expression"].astype(np.float32), strict=True)),
        identity=content["identity"].astype(np.float32),
        landmarks=content["landmark68"].astype(np.int64),
    )


def _check(path: Path, content: dict[str, np.ndarray]) -> None:
    missing = sorted(set(_KEYS) - set(content))
    if missing:
        raise _bad(path, f"it has no {', '.join(missing)}")
    sizes = {-1: len(content["neutral"]), -2: len(content["faces"])}
    for name, (kinds, shape) in _KEYS.items():
        _check_array(path, name, content[name], kinds, [sizes.get(n, n) for n in shape])
    for name in ("faces", "landmark68"):
        if content[name].size == 0 or not 0 <= int(content[name].max()) < sizes[-1]:
            raise _bad(path, f"{name} refers beyond the {sizes[-1]} vertices")
    wanted = {"material_names": MATERIALS, "expression_names": action_units.names()}
    for name, rows in wanted.items():
        lacking = sorted(set(rows) - set(content[name].tolist()))
        if lacking:
            raise _bad(path, f"{name} lacks {', '.join(lacking)}")
    if len(content["expression_names"]) != len(content["expression"]):
        names, fields = len(content["expression_names"]), len(content["expression"])
        raise _bad(path, f"{names} names for {fields} expressions")


def _check_array(path: Path, name: str, found: np.ndarray, kinds: str, shape: list[int]) -> None:
    right = len(found.shape) == len(shape) and all(
        want in (_ANY, got) for want, got in zip(shape, found.shape, strict=True)
    )
    if found.dtype.kind not in kinds or not right:
        raise _bad(path, f"{name} is {found.shape} {found.dtype}")
    if kinds == "f" and not np.isfinite(found).all():
        raise _bad(path, f"{name} is not finite")


def _bad(path: Path, problem: str) -> ValueError:
    return ValueError(
        f"{path} is not a converted ICT-FaceKit: {problem}. Make it with "
        "`python -m fau_tf.cli.synthesize convert-ict FOLDER FILE.npz`."
    )
