"""Mouth and eyes of the ICT face as openings between two rims, to be narrowed or parted."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from fau_tf.synthetic.rigs.ict import action_units
from fau_tf.synthetic.rigs.rig import Floats, Ints

_FAR = 4.0
"""Distance from a rim in cm beyond which the skin is not affected."""


@dataclass(frozen=True)
class Ring:
    """The landmarks around an opening.

    Attributes:
        upper: iBUG points along the upper rim, from corner to corner.
        lower: the same of the lower one; the i-th of one lies opposite the i-th of the other.
        reach: distance from a rim to which the skin follows, cm (one sigma).
    """

    upper: tuple[int, ...]
    lower: tuple[int, ...]
    reach: float


MOUTH: Final = Ring((60, 61, 62, 63, 64), (60, 67, 66, 65, 64), 0.45)
EYES: Final = (
    Ring((36, 37, 38, 39), (36, 41, 40, 39), 0.40),
    Ring((42, 43, 44, 45), (42, 47, 46, 45), 0.40),
)


@dataclass(frozen=True, eq=False)
class _Rim:
    """One rim, and the skin around it.

    Attributes:
        margin: (M,) vertices from corner to corner.
        place: (M,) position of each along the opening: landmarks are at 0, 1, 2, ...
        along: (V,) position along the opening of each vertex of the mesh.
        away: (V,) distance from the rim over the skin in cm; inf if far, or nearer the other rim.
    """

    margin: Ints
    place: Floats
    along: Floats
    away: Floats


@dataclass(frozen=True, eq=False)
class Opening:
    """An opening of a mesh at rest."""

    ring: Ring
    upper: _Rim
    lower: _Rim

    @classmethod
    def found(cls, ring: Ring, points: Floats, faces: Ints, landmarks: Ints) -> "Opening":
        """Return the opening inside these landmarks.

        Distances are measured over the skin, so that one lip never moves the other, however close
        the two are.

        Args:
            ring: the landmarks.
            points: (V, 3) at rest.
            faces: (F, 3) skin and its continuation inside, without teeth and tongue.
            landmarks: 68 of the V.

        Raises:
            ValueError: if no skin connects the landmarks of a rim.
        """
        graph = _edges(points, faces)
        margins = [_margin(graph, landmarks[list(ids)]) for ids in (ring.upper, ring.lower)]
        away = [
            csgraph.dijkstra(graph, indices=margin[1:-1], min_only=True, limit=_FAR)
            for margin, _ in margins
        ]
        rims = []
        for (margin, place), own, other in zip(margins, away, away[::-1], strict=True):
            order = np.argsort(points[margin, 0], kind="stable")
            along = np.interp(points[:, 0], points[margin[order], 0], place[order])
            rims.append(_Rim(margin, place, along, np.where(own <= other, own, np.inf)))
        return cls(ring, *rims)

    def narrowed(self, field: Floats, part: float = 1.0) -> Floats:
        """Return positions or displacements (..., V, 3) with this share of their gap closed.

        Both rims move half of the distance. The map is linear: sums of closed fields are closed.
        """
        stations = np.arange(0.5, len(self.ring.upper) - 1, 0.5)  # the landmarks and between
        gap = _at(stations, self.upper, field) - _at(stations, self.lower, field)  # (..., S, 3)
        out = field.copy()
        for rim, amount in ((self.upper, -part / 2), (self.lower, part / 2)):
            near = np.flatnonzero(rim.away < _FAR)
            hats = np.clip(1 - np.abs(rim.along[near, None] - stations) / 0.5, 0, 1)
            share = amount * _falloff(rim.away[near], self.ring.reach)[:, None] * hats
            out[..., near, :] += (share @ gap).astype(field.dtype)
        return np.asarray(out)

    def parted(self) -> Floats:
        """Return the (V, 3) displacement of parting lips, see `action_units.LipParting`."""
        out = np.zeros((len(self.upper.away), 3))
        for rim, row in (
            (self.upper, action_units.UPPER_LIP),
            (self.lower, action_units.LOWER_LIP),
        ):
            from_middle = np.abs(2 * rim.along / (len(self.ring.upper) - 1) - 1)
            weight = _falloff(rim.away, row.reach) * (1 - from_middle**2.5)
            out += weight[:, None] * np.array([0.0, row.up, row.front])
        return out


def _edges(points: Floats, faces: Ints) -> sparse.csr_matrix:
    """Return the symmetric (V, V) matrix of edge lengths."""
    pairs = np.vstack([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    length = np.sqrt(((points[pairs[:, 0]] - points[pairs[:, 1]]) ** 2).sum(1))
    graph = sparse.csr_matrix((length, (pairs[:, 0], pairs[:, 1])), shape=(len(points),) * 2)
    return graph + graph.T


def _margin(graph: sparse.csr_matrix, through: Ints) -> tuple[Ints, Floats]:
    """Return the vertices of the shortest path through some vertices, and their positions."""
    distance, before = csgraph.dijkstra(graph, indices=through[:-1], return_predecessors=True)
    vertices, places = [through[:1]], [np.zeros(1)]
    for leg, stop in enumerate(through[1:]):
        if not np.isfinite(distance[leg, stop]):
            raise ValueError(
                "Landmarks around mouth and eyes must lie on one connected skin; no edges connect "
                f"vertices {through[leg]} and {stop}. Convert the download again."
            )
        path = [int(stop)]
        while before[leg, path[-1]] != through[leg]:
            path.append(int(before[leg, path[-1]]))
        reached = np.array(path[::-1])
        vertices.append(reached)
        places.append(leg + distance[leg, reached] / distance[leg, stop])
    return np.concatenate(vertices), np.concatenate(places)


def _at(stations: Floats, rim: _Rim, field: Floats) -> Floats:
    """Return (..., S, 3), a field interpolated along a rim."""
    right = np.clip(np.searchsorted(rim.place, stations), 1, len(rim.place) - 1)
    start, stop = rim.place[right - 1], rim.place[right]
    t = ((stations - start) / (stop - start))[:, None]
    before, after = field[..., rim.margin[right - 1], :], field[..., rim.margin[right], :]
    return np.asarray(before * (1 - t) + after * t)


def _falloff(away: Floats, reach: float) -> Floats:
    return np.asarray(np.exp(-0.5 * (away / reach) ** 2))
