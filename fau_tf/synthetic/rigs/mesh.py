"""Triangle meshes as arrays: parsing, grids, subdivision, normals, borders."""

from collections import defaultdict

import numpy as np
from scipy import sparse

from fau_tf.synthetic.rigs.rig import Floats, Ints

Edge = tuple[int, int]


def parse_obj(text: str) -> tuple[Floats, Ints]:
    """Return vertices (V, 3) and triangles (F, 3) of a Wavefront OBJ file."""
    vertices, faces = [], []
    for line in text.splitlines():
        fields = line.split()
        if fields[:1] == ["v"]:
            vertices.append([float(x) for x in fields[1:4]])
        elif fields[:1] == ["f"]:
            faces.append([int(x.split("/")[0]) - 1 for x in fields[1:4]])
    return np.array(vertices), np.array(faces, np.int32)


def grid_faces(ids: Ints, *, closed: bool = False) -> Ints:
    """Return the triangles of a grid of vertices.

    They face a viewer to whom rows run from left to right and follow one another downwards.

    Args:
        ids: (rows, columns) vertex numbers.
        closed: whether the last column joins the first.
    """
    last = None if closed else -1
    a, b = ids[:-1, :last], ids[1:, :last]
    c, d = (np.roll(ids, -1, 1)[rows, :last] for rows in (slice(None, -1), slice(1, None)))
    return np.vstack([np.stack(q, -1).reshape(-1, 3) for q in ((a, b, c), (c, b, d))])


def without_degenerate(faces: Ints) -> Ints:
    """Return the triangles (F, 3) with three different vertices."""
    a, b, c = faces.T
    return np.asarray(faces[(a != b) & (b != c) & (a != c)])


def subdivide(count: int, faces: Ints) -> tuple[sparse.csr_matrix, Ints]:
    """Return one Loop subdivision step as a linear map, and the new triangles.

    Args:
        count: number of vertices V.
        faces: (F, 3) triangles; edges with one triangle are creases.

    Returns:
        (V + edges, V) sparse matrix whose first V rows are the old vertices, and (4F, 3).

    Reference:
        Loop, "Smooth subdivision surfaces based on triangles", 1987.
    """
    opposite: dict[Edge, list[int]] = defaultdict(list)
    for face in faces.tolist():
        for i in range(3):
            a, b, c = face[i], face[(i + 1) % 3], face[(i + 2) % 3]
            opposite[min(a, b), max(a, b)].append(c)
    number = {edge: count + i for i, edge in enumerate(opposite)}
    rows = _old_vertices(count, opposite)
    for edge, others in opposite.items():
        rows += _new_vertex(number[edge], edge, others)
    row, column, value = zip(*rows, strict=True)
    matrix = sparse.csr_matrix((value, (row, column)), shape=(count + len(number), count))
    return matrix, _split(faces, number)


def normal_operator(count: int, faces: Ints) -> sparse.csr_matrix:
    """Return the (V, F) matrix that sums the normals of each vertex's triangles."""
    columns = np.repeat(np.arange(len(faces)), 3)
    ones = np.ones(faces.size)
    return sparse.csr_matrix((ones, (faces.ravel(), columns)), shape=(count, len(faces)))


def vertex_normals(points: Floats, faces: Ints, operator: sparse.csr_matrix) -> Floats:
    """Return (V, 3) unit normals, weighted by triangle area."""
    a, b, c = (points[faces[:, i]] for i in range(3))
    normal = operator @ np.cross(b - a, c - a)
    length = np.sqrt((normal**2).sum(1, keepdims=True))
    return np.asarray(normal / np.maximum(length, 1e-12))


def borders(faces: Ints) -> list[Ints]:
    """Return the rings of vertices along the mesh's open borders, in order."""
    count: dict[Edge, int] = defaultdict(int)
    for face in faces.tolist():
        for i in range(3):
            a, b = face[i], face[(i + 1) % 3]
            count[min(a, b), max(a, b)] += 1
    near: dict[int, list[int]] = defaultdict(list)
    for (a, b), triangles in count.items():
        if triangles == 1:
            near[a].append(b)
            near[b].append(a)
    rings = []
    while near:
        ring = [next(iter(near))]
        while following := [v for v in near.pop(ring[-1]) if v in near]:
            ring.append(following[0])
        rings.append(np.array(ring))
    return rings


def mirror_index(points: Floats) -> Ints:
    """Return, for each vertex, the vertex at its position mirrored in x."""
    order = np.lexsort(np.round(points, 5).T)
    flipped = np.round(points * [-1, 1, 1], 5)
    partner = np.empty(len(points), np.int64)
    partner[np.lexsort(flipped.T)] = order
    return partner


def _old_vertices(count: int, opposite: dict[Edge, list[int]]) -> list[tuple[int, int, float]]:
    near: dict[int, set[int]] = defaultdict(set)
    crease: dict[int, list[int]] = defaultdict(list)
    for (a, b), others in opposite.items():
        near[a].add(b)
        near[b].add(a)
        if len(others) == 1:
            crease[a].append(b)
            crease[b].append(a)
    rows = []
    for i in range(count):
        on_crease = i in crease
        ring = sorted(crease[i] if on_crease else near[i])
        valence = max(len(ring), 1)
        beta = 0.125 if on_crease else (3 / 16 if valence == 3 else 3 / (8 * valence))
        rows.append((i, i, 1 - beta * len(ring)))
        rows += [(i, j, beta) for j in ring]
    return rows


def _new_vertex(index: int, edge: Edge, others: list[int]) -> list[tuple[int, int, float]]:
    if len(others) == 1:
        return [(index, j, 0.5) for j in edge]
    return [(index, j, 0.375) for j in edge] + [(index, j, 0.125) for j in others]


def _split(faces: Ints, number: dict[Edge, int]) -> Ints:
    out = []
    for a, b, c in faces.tolist():
        ab, bc, ca = (number[min(p, q), max(p, q)] for p, q in ((a, b), (b, c), (c, a)))
        out += [[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]]
    return np.array(out, np.int32)
