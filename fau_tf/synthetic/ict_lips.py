"""The lips of the ICT face: which vertices follow each lip, lips shut at rest, lips parted."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from fau_tf.synthetic import ict_units
from fau_tf.synthetic.rig import Floats, Ints

_LANDMARKS = {"upper": (60, 61, 62, 63, 64), "lower": (60, 67, 66, 65, 64)}
"""iBUG points along the margin of each lip; the i-th of one lies opposite the i-th of the other."""
_STATIONS = np.arange(0.5, 4.0, 0.5)
"""Places along the mouth where the gap is measured: 0 at one corner, 1 to 3 at the landmarks, 4."""
_SEAL_REACH = 0.45
"""How far from its margin a lip follows when the mouth is shut, cm (one sigma)."""
_FAR = 4.0


@dataclass(frozen=True, eq=False)
class _Lip:
    """One lip: its margin from corner to corner, and what lies around it.

    Attributes:
        margin: (M,) vertices.
        place: (M,) place along the mouth of each, 0 to 4.
        along: (V,) place along the mouth of each vertex of the mesh.
        away: (V,) distance from the margin over the skin in cm; inf beyond, and on the other lip.
    """

    margin: Ints
    place: Floats
    along: Floats
    away: Floats


@dataclass(frozen=True, eq=False)
class Lips:
    """Both lips of a mesh at rest."""

    upper: _Lip
    lower: _Lip

    @classmethod
    def found(cls, points: Floats, faces: Ints, landmarks: Ints) -> "Lips":
        """Return the lips.

        Distances run over the surface, so that a lip never takes the other one along, however
        close the two lie.

        Args:
            points: (V, 3) at rest.
            faces: (F, 3) skin and mouth's inside; teeth and tongue are left out.
            landmarks: 68 of the V.

        Raises:
            ValueError: if the landmarks of a lip aren't joined by skin.
        """
        graph = _edges(points, faces)
        margins = {name: _margin(graph, landmarks[list(ids)]) for name, ids in _LANDMARKS.items()}
        away = {
            name: csgraph.dijkstra(graph, indices=margin[1:-1], min_only=True, limit=_FAR)
            for name, (margin, _) in margins.items()
        }
        lips = {}
        for name, other in (("upper", "lower"), ("lower", "upper")):
            margin, place = margins[name]
            order = np.argsort(points[margin, 0], kind="stable")
            along = np.interp(points[:, 0], points[margin[order], 0], place[order])
            own = away[name] <= away[other]
            lips[name] = _Lip(margin, place, along, np.where(own, away[name], np.inf))
        return cls(**lips)

    def shut(self, field: Floats) -> Floats:
        """Return positions or displacements (..., V, 3) without a gap at the landmarks.

        Both lips go half of the way. It is linear, so that a sum of shut fields is shut.
        """
        gap = _at_stations(self.upper, field) - _at_stations(self.lower, field)  # (..., S, 3)
        out = field.copy()
        for lip, part in ((self.upper, -0.5), (self.lower, 0.5)):
            near = np.flatnonzero(lip.away < _FAR)
            share = part * _falloff(lip.away[near], _SEAL_REACH)[:, None] * _hats(lip.along[near])
            out[..., near, :] += (share @ gap).astype(field.dtype)
        return np.asarray(out)

    def parted(self) -> Floats:
        """Return (V, 3), how lips move that part by themselves, see `ict_units.PARTED`."""
        out = np.zeros((len(self.upper.away), 3))
        for name, (up, front) in ict_units.PARTED.items():
            lip: _Lip = getattr(self, name)
            from_middle = np.abs(lip.along / 2 - 1)
            weight = _falloff(lip.away, ict_units.PARTED_REACH[name]) * (1 - from_middle**2.5)
            out += weight[:, None] * np.array([0.0, up, front])
        return out


def _edges(points: Floats, faces: Ints) -> sparse.csr_matrix:
    """Return the (V, V) lengths of the edges, both ways."""
    pairs = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    length = np.sqrt(((points[pairs[:, 0]] - points[pairs[:, 1]]) ** 2).sum(1))
    graph = sparse.csr_matrix((length, (pairs[:, 0], pairs[:, 1])), shape=(len(points),) * 2)
    return graph + graph.T


def _margin(graph: sparse.csr_matrix, through: Ints) -> tuple[Ints, Floats]:
    """Return the vertices of the shortest way through some vertices, and their places 0 to 4."""
    distance, before = csgraph.dijkstra(graph, indices=through[:-1], return_predecessors=True)
    vertices, places = [through[:1]], [np.zeros(1)]
    for leg, stop in enumerate(through[1:]):
        if not np.isfinite(distance[leg, stop]):
            raise ValueError(
                f"The landmarks along a lip must lie on one piece of skin. Received: vertices "
                f"{through[leg]} and {stop}, which no edges join. Convert the download again."
            )
        way = [int(stop)]
        while before[leg, way[-1]] != through[leg]:
            way.append(int(before[leg, way[-1]]))
        reached = np.array(way[::-1])
        vertices.append(reached)
        places.append(leg + distance[leg, reached] / distance[leg, stop])
    return np.concatenate(vertices), np.concatenate(places)


def _at_stations(lip: _Lip, field: Floats) -> Floats:
    """Return (..., S, 3), a field at the stations along a lip's margin."""
    right = np.clip(np.searchsorted(lip.place, _STATIONS), 1, len(lip.place) - 1)
    start, stop = lip.place[right - 1], lip.place[right]
    t = ((_STATIONS - start) / (stop - start))[:, None]
    left_field, right_field = field[..., lip.margin[right - 1], :], field[..., lip.margin[right], :]
    return np.asarray(left_field * (1 - t) + right_field * t)


def _hats(along: Floats) -> Floats:
    """Return (N, S), the weight of each station at each place; 0 at the corners."""
    return np.clip(1 - np.abs(along[:, None] - _STATIONS) / 0.5, 0, 1)


def _falloff(away: Floats, reach: float) -> Floats:
    return np.asarray(np.exp(-0.5 * (away / reach) ** 2))
