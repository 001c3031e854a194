"""Faces of successive frames: where to look for them, and their ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fau_tf.face.align import Image, require_image
from fau_tf.face.landmarker import Landmarker
from fau_tf.face.mesh import Face, largest
from fau_tf.face.tiling import Box, Mesh, Window, bounding_box, windows
from fau_tf.inference.cuts import Appearance, appearance, is_cut

MIN_OVERLAP: Final = 0.3
"""Intersection over union from which two boxes of successive frames are one face.

At 25 frames a second a box that moves sideways by half its width within one frame (0.33) keeps its
id; two faces side by side overlap by less.
"""

DIVISIONS: Final = (1, 2)
"""Parts of a frame that are searched, see `tiling.windows`."""

SEARCH_EVERY: Final = 10
"""While faces are tracked, one of ten frames is searched as a whole for new ones, and another one
in a quarter. With one of five it costs 2.3 ms of processor time a frame, with one of ten 0.9 (of
22)."""


@dataclass(frozen=True, eq=False)
class TrackState:
    """What earlier frames tell the tracker about where to look in the next one.

    Attributes:
        frames: How many there were.
        known: Meshes of the faces of the last one; None before the first.
        seen: What those faces looked like.
    """

    frames: int = 0
    known: tuple[Mesh, ...] | None = None
    seen: tuple[Appearance, ...] = ()


class FaceTracker:
    """Finds the faces of successive frames and gives them ids.

    A known face is followed: its last mesh tells the landmark network where to look, so the
    detector does not run. Nothing is smoothed or carried over.

    After a lost face, or a frame without one, the whole picture and one of its nine overlapping
    quarters are searched. While faces are tracked, and fewer than `num_faces` are, a new one is
    found within `SEARCH_EVERY` frames if it is wider than an eighth of the picture, a smaller one
    within 9 * `SEARCH_EVERY`. The first frame is searched all over.

    Attributes:
        state: Everything known of earlier frames except the ids.
    """

    def __init__(self, landmarker: Landmarker, state: TrackState | None = None) -> None:
        self.state = state or TrackState()
        self._landmarker = landmarker
        self._ids = OverlapTracker()

    def find(self, image: Image) -> tuple[list[Face], list[int], bool]:
        """Return the faces of the next frame, left to right, their ids, and whether it is cut."""
        require_image(image)
        before, most = self.state.known, self._landmarker.num_faces
        found = self._landmarker.follow(image, before) if before else []
        more = self._more(image, len(found))
        if more:
            new = self._landmarker.find_faces(image, more, [face.mesh for face in found])
            found = largest([*found, *new], most)
        meshes = tuple(face.mesh for face in found)
        seen = tuple(appearance(image, mesh) for mesh in meshes)
        boxes = [bounding_box(mesh) for mesh in meshes]
        after_cut = self._after_cut(image, boxes, seen)
        self.state = TrackState(self.state.frames + 1, meshes, seen)
        return found, self._ids.update(boxes, after_cut), after_cut

    def _after_cut(self, image: Image, boxes: Sequence[Box], seen: Sequence[Appearance]) -> bool:
        """Return whether no face continues the one at its place a frame before.

        A face that does, while another is hidden or passes by, shows that there is no cut.
        """
        before = [bounding_box(mesh) for mesh in self.state.known or ()]
        pairs = [
            (earlier, later)
            for i, earlier in zip(before, self.state.seen, strict=True)
            for j, later in zip(boxes, seen, strict=True)
            if overlap(i, j) >= MIN_OVERLAP
        ]
        return bool(pairs) and all(is_cut(*pair, image) for pair in pairs)

    def _more(self, image: Image, found: int) -> list[Window]:
        """Return what else to search in this frame."""
        if found == self._landmarker.num_faces:
            return []
        height, width = image.shape[:2]
        parts = windows(height, width, DIVISIONS)
        if self.state.known is None:
            return parts
        whole, *quarters = parts
        lost = not found or found < len(self.state.known)
        turn = self.state.frames % SEARCH_EVERY
        more = [whole] if lost or turn == 0 else []
        if quarters and (lost or turn == SEARCH_EVERY // 2):
            # All nine have a turn, in nine frames in a row as in nine that are ten apart.
            more.append(quarters[self.state.frames % len(quarters)])
        return more


class OverlapTracker:
    """Gives each face the id of the face of the previous frame that it overlaps most.

    Pairs are matched by overlap, largest first; each face and each id once. A face that overlaps
    none by `MIN_OVERLAP` gets a new id, and so do all after a cut; an id that is missing from one
    frame is never given again. Faces are not recognized: of two faces that cross, the one in front
    keeps its id, and the hidden one has a new id when it reappears.
    """

    def __init__(self) -> None:
        self._boxes: dict[int, Box] = {}
        self._next = 0

    def update(self, boxes: Sequence[Box], after_cut: bool = False) -> list[int]:
        """Return an id for each face of the next frame; new ids count up from 0.

        Args:
            boxes: x0, y0, x1, y1 of each face.
            after_cut: Whether a cut lies before this frame.
        """
        if after_cut:
            self._boxes = {}
        pairs = sorted(
            (
                (overlap(box, known), -i, -identity)
                for i, box in enumerate(boxes)
                for identity, known in self._boxes.items()
            ),
            reverse=True,
        )
        ids: dict[int, int] = {}
        for share, i, identity in pairs:
            if share >= MIN_OVERLAP and -i not in ids and -identity not in ids.values():
                ids[-i] = -identity
        for i in range(len(boxes)):
            if i not in ids:
                ids[i] = self._next
                self._next += 1
        self._boxes = {ids[i]: box for i, box in enumerate(boxes)}
        return [ids[i] for i in range(len(boxes))]


def overlap(one: Box, other: Box) -> float:
    """Return intersection over union of two boxes; 0 if neither has an area."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = _area(one) + _area(other) - shared
    return shared / union if union > 0 else 0.0


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)
