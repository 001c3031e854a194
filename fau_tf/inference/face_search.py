"""Where to look for faces: everywhere in a photo; in a video, where they were a moment ago."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from fau_tf.face.align import Image, require_image
from fau_tf.face.tiling import Mesh, Window, distinct, uncut, windows
from fau_tf.inference.tracking import Box, OverlapTracker

PHOTO_DIVISIONS: Final = (1, 2, 3)
VIDEO_DIVISIONS: Final = (1, 2)
"""Parts of a picture that are looked at, see `views.windows`."""

SEARCH_EVERY: Final = 10
"""While faces are followed, one of ten frames looks for more in the whole, another in a part.

With one of five it costs 2.3 ms of processor time a frame, with one of ten 0.9 (of 22)."""


class Finder(Protocol):
    """Finds faces in one view; `MediaPipeLandmarks` with divisions (1,)."""

    num_faces: int

    def find(self, image: Image) -> list[Mesh]:
        """Return the (478, 2) mesh of each face."""


def find_in_photo(finder: Finder, image: Image) -> list[Mesh]:
    """Return the faces of a photo, left to right: at most `num_faces`, the largest ones."""
    require_image(image)
    height, width = image.shape[:2]
    return _find(finder, image, windows(height, width, PHOTO_DIVISIONS))


@dataclass(frozen=True, eq=False)
class Trail:
    """What of the frames before decides where the next one is looked at.

    Attributes:
        frames: How many there were.
        known: Meshes of the faces of the last one; None where nobody knows, as before the first.
    """

    frames: int = 0
    known: tuple[Mesh, ...] | None = None


class FaceFollower:
    """Finds the faces of successive frames and gives them ids.

    Each known face is looked for in a square of twice its size around where it was, in MediaPipe's
    image mode. Its video mode takes 8 ms a frame in place of 10 ms, but smooths what it finds: on a
    face that swings through a noisy picture its points scatter by 0.42 px, those of image mode by
    0.26 px in the whole picture and by 0.16 px in the square. Here nothing is smoothed or carried
    over: a frame decides only where the next one is looked at.

    A face that is lost, or a frame without one, has the whole picture looked at, and one of its
    nine overlapping quarters. While faces are followed, and fewer than `num_faces` are, a new one
    is found within SEARCH_EVERY frames where it is wider than an eighth of the picture, a smaller
    one within 9 * SEARCH_EVERY. The first frame is searched all over.

    Attributes:
        trail: All that it knows of the frames before, but for the ids.
    """

    def __init__(self, finder: Finder, trail: Trail | None = None) -> None:
        self.trail = trail or Trail()
        self._finder = finder
        self._tracker = OverlapTracker()

    def find(self, image: Image) -> tuple[list[Mesh], list[int]]:
        """Return the faces of the next frame, left to right, and their ids."""
        require_image(image)
        height, width = image.shape[:2]
        near = [around(mesh, height, width) for mesh in self.trail.known or ()]
        found = _find(self._finder, image, near) if near else []
        more = self._more(image, len(found))
        if more:
            found = _largest(self._finder, [*found, *_find(self._finder, image, more)])
        self.trail = Trail(self.trail.frames + 1, tuple(found))
        return found, self._tracker.update([box(mesh) for mesh in found])

    def _more(self, image: Image, found: int) -> list[Window]:
        """Return what else to look at in this frame."""
        if found == self._finder.num_faces:
            return []
        height, width = image.shape[:2]
        parts = windows(height, width, VIDEO_DIVISIONS)
        if self.trail.known is None:
            return parts
        whole, *quarters = parts
        lost = not found or found < len(self.trail.known)
        place = self.trail.frames % SEARCH_EVERY
        more = [whole] if lost or place == 0 else []
        if quarters and (lost or place == SEARCH_EVERY // 2):
            # Nine have a turn in nine frames in a row, and in nine that are ten apart, too.
            more.append(quarters[self.trail.frames % len(quarters)])
        return more


def box(mesh: Mesh) -> Box:
    """Return the smallest box around a mesh: x0, y0, x1, y1."""
    (x0, y0), (x1, y1) = mesh.min(axis=0).tolist(), mesh.max(axis=0).tolist()
    return x0, y0, x1, y1


def around(mesh: Mesh, height: int, width: int) -> Window:
    """Return the square of twice a face's size about it, cut to the picture."""
    low, high = mesh.min(axis=0), mesh.max(axis=0)
    middle, reach = (low + high) / 2, float((high - low).max())
    x0, y0 = np.clip(middle - reach, 0, (width - 1, height - 1)).astype(int).tolist()
    x1, y1 = np.clip(middle + reach + 1, (x0 + 1, y0 + 1), (width, height)).astype(int).tolist()
    return x0, y0, x1, y1


def _find(finder: Finder, image: Image, parts: list[Window]) -> list[Mesh]:
    height, width = image.shape[:2]
    found: list[Mesh] = []
    for window in parts:
        x0, y0, x1, y1 = window
        placed = (mesh + np.array((x0, y0)) for mesh in finder.find(image[y0:y1, x0:x1]))
        found += [mesh for mesh in placed if uncut(mesh, window, height, width)]
    return _largest(finder, found)


def _largest(finder: Finder, meshes: list[Mesh]) -> list[Mesh]:
    faces = sorted(distinct(meshes), key=lambda mesh: -float(np.ptp(mesh, axis=0).prod()))
    return sorted(faces[: finder.num_faces], key=lambda mesh: float(mesh[:, 0].mean()))
