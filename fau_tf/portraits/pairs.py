"""Pairs of pictures with known differences.

Two edits of one portrait, or a smile and the neutral portrait of the same person.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf import facs
from fau_tf.face.mesh import ibug68
from fau_tf.portraits.editing.draw import sample_edit, sample_manner
from fau_tf.portraits.editing.edit import EditablePortrait, edit
from fau_tf.portraits.editing.glasses import MOVE_FRAMES
from fau_tf.portraits.editing.lids_lips import eye_shares
from fau_tf.portraits.editing.movement import Edit, Intensities, intensities, side_gain
from fau_tf.portraits.fields import face_shape
from fau_tf.portraits.portrait_set import PortraitSet, load_set
from fau_tf.portraits.start import RANKED
from fau_tf.synthetic.rigs import canonical_topology as topology
from fau_tf.synthetic.rigs.rig import LIDS_SHUT, side_difference

EDITING_VERSION: Final = 7
"""Raise it with any change after which the same seed and portraits give other pairs."""
KNOWN: Final = 0.4
"""Share of the pairs from portraits whose expression is stated, though there are fewer."""
SMILES: Final = 0.12
"""Share of the pairs of a smile and a neutral portrait, where a set has both of a person."""
UNEDITED: Final = 0.4
"""Share of the other pairs whose first picture is the portrait itself."""
PARTED: Final = 0.1
"""Parting of the lips in cm from which AU25 is there, though nobody asked for it."""
_SEEN: Final = {6: 1.0, 12: 0.5, 25: 0.5}
"""AU of RANKED -> intensity of the AU it is judged by from which the smile surely shows more."""
_JUDGED_BY: Final = {6: 12, 12: 12, 25: 25}

Floats = npt.NDArray[np.float32]
Mesh = npt.NDArray[np.floating[Any]]


class NoPortraitsError(ValueError):
    """Sets without a portrait of the part that was asked for."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two pictures of one person.

    Attributes:
        images: (2, R, R, 3) uint8.
        landmarks: (2, 68, 2) float32 iBUG landmarks, px.
        intensity: (2, A) in the order of `facs.ALL`, 0 to 5, the mean of both sides; NaN where
            unknown.
        side_difference: (2, A) by how much an AU is stronger on the image's left than on its right;
            the photo itself counts as even.
        difference: (A,) by how much the second picture exceeds the first; NaN where unknown.
        ranked: (A,) 1 where the second picture shows an AU more, by an unknown amount.
    """

    images: npt.NDArray[np.uint8]
    landmarks: Floats
    intensity: Floats
    side_difference: Floats
    difference: Floats
    ranked: Floats


class PairSource:
    """Draws pairs from sets of portraits; the same seed and number give the same bytes.

    Attributes:
        size: R, rows and columns of a picture.
    """

    def __init__(self, folders: Sequence[Path], *, part: str = "train", seed: int = 0) -> None:
        """Load the sets.

        Args:
            folders: Sets that `build.build_set` wrote.
            part: `train` or `validation`.
            seed: Decides everything.

        Raises:
            ValueError: If a set can't be read or sizes differ.
            NoPortraitsError: If no portrait is of that part.
        """
        sets = [load_set(folder) for folder in folders]
        sizes = sorted({one.size for one in sets})
        if len(sizes) != 1:
            raise ValueError(
                f"Sets of portraits must have one size. Received: {sizes} px in "
                f"{[str(folder) for folder in folders]}. Make them again with one --size."
            )
        self.size = sizes[0]
        self._seed = seed
        self._rows = [
            (one, int(i)) for one in sets for i in np.flatnonzero(np.asarray(one.part) == part)
        ]
        if not self._rows:
            raise NoPortraitsError(
                f"No portrait is of the part {part!r} in {list(map(str, folders))}."
            )
        self._known = [row for row in self._rows if row[0].expression[row[1]] != "unknown"]
        self._smiles = _smiles(self._rows)

    def __len__(self) -> int:
        """Return the number of portraits."""
        return len(self._rows)

    def pair(self, number: int) -> Pair:
        """Return pair `number`, 0 or more; there is no last one."""
        rows, rng = self._draw(number)
        if len(rows) == 2:
            return _smile_pair(*rows)
        portraits, index = rows[0]
        portrait = EditablePortrait(
            portraits.image(index), portraits.mesh[index], portraits.known(index)
        )
        return edited_pair(portrait, rng)

    def subject(self, number: int) -> str:
        """Return who is in pair `number`."""
        portraits, index = self._draw(number)[0][0]
        return str(portraits.subject[index])

    def _draw(self, number: int) -> tuple[tuple["Row", ...], np.random.Generator]:
        """Return a neutral portrait and a smile, or one to edit, and what draws the edits."""
        rng = np.random.default_rng((self._seed, number, 25))
        smile, stated, choice = rng.random(), rng.random(), rng.random()
        if self._smiles and smile < SMILES:
            return self._smiles[int(choice * len(self._smiles))], rng
        rows = self._known if self._known and stated < KNOWN else self._rows
        return (rows[int(choice * len(rows))],), rng


Row = tuple[PortraitSet, int]


def edited_pair(portrait: EditablePortrait, rng: np.random.Generator) -> Pair:
    """Return two random edits of one portrait."""
    manner = sample_manner(rng)
    plain = rng.random() < UNEDITED
    still = MOVE_FRAMES if portrait.glasses else ()
    edits = [
        Edit() if plain and i == 0 else sample_edit(portrait.start, rng, still=still)
        for i in (0, 1)
    ]
    results = [edit(portrait, one, manner) for one in edits]
    change, sides = np.array([label_changes(portrait.start, one) for one in edits]).transpose(
        1, 0, 2
    )
    start = np.array([portrait.start.get(au, np.nan) for au in facs.ALL])
    for row, one, (_, mesh) in zip(change, edits, results, strict=True):
        _forget_parted_lips(row, portrait, one, mesh)
    intensity = np.clip(start + change, 0, facs.MAX_INTENSITY)
    return Pair(
        images=np.stack([image for image, _ in results]),
        landmarks=np.stack([ibug68(mesh) for _, mesh in results]).astype(np.float32),
        intensity=intensity.astype(np.float32),
        side_difference=sides.astype(np.float32),
        difference=(change[1] - change[0]).astype(np.float32),
        ranked=np.zeros(len(facs.ALL), np.float32),
    )


def label_changes(start: Mapping[int, float], one: Edit) -> npt.NDArray[np.float64]:
    """Return (2, A): change of the mean of both sides, and of the left less the right."""
    before, _ = intensities(start, one)
    found = np.zeros((2, len(facs.ALL)))
    for au, by in one.change.items():
        left, right = by * _side_shares(au, before, one)
        found[:, facs.ALL.index(au)] = (left + right) / 2, left - right
    return found


def _side_shares(au: int, before: Intensities, one: Edit) -> npt.NDArray[np.floating[Any]]:
    """Return (2,), the shares of an AU's change on the left and the right of the image."""
    if not facs.has_sides(au):
        return np.ones(2)
    if au == LIDS_SHUT:
        return eye_shares(one.asymmetry.get(au, 0.0))
    neutral = face_shape().points[list(facs.IBUG_FROM_MEDIAPIPE)]
    center = side_difference(neutral, au, 1.0) / 2
    return side_gain(au, before, one, np.array([center, -center]))


def _forget_parted_lips(
    row: npt.NDArray[np.float64], portrait: EditablePortrait, one: Edit, mesh: Mesh
) -> None:
    """Set the change of AU25 to NaN where other AUs parted the lips: it is coded then, too."""
    if 25 not in facs.ALL or one.change.get(25):
        return
    gap = lip_gap(mesh) - lip_gap(portrait.mesh)
    if gap > PARTED * portrait.pose.scale:
        row[facs.ALL.index(25)] = np.nan


def lip_gap(mesh: Mesh) -> float:
    """Return the mean distance of the lips' margins in their middle half, px."""
    upper, lower = topology.UPPER_INNER_LIP[2:-2], topology.LOWER_INNER_LIP[2:-2]
    return float((mesh[list(lower), 1] - mesh[list(upper), 1]).mean())


def _smiles(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Return every neutral portrait with every smile of the same person."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for portraits, index in rows:
        key = str(portraits.subject[index]), str(portraits.expression[index])
        found[key].append((portraits, index))
    return [
        (neutral, smile)
        for (subject, expression), neutrals in found.items()
        if expression == "neutral"
        for neutral in neutrals
        for smile in found.get((subject, "smiling"), [])
    ]


def _smile_pair(neutral: Row, smile: Row) -> Pair:
    rows = (neutral, smile)
    starts = [portraits.known(index) for portraits, index in rows]
    meshes = [portraits.mesh[index] for portraits, index in rows]
    ranked = [au in RANKED and starts[1].get(_JUDGED_BY[au], 0.0) >= _SEEN[au] for au in facs.ALL]
    unknown = np.full(len(facs.ALL), np.nan)
    return Pair(
        images=np.stack([portraits.image(index) for portraits, index in rows]),
        landmarks=np.stack([ibug68(mesh) for mesh in meshes]).astype(np.float32),
        intensity=np.array(
            [[start.get(au, np.nan) for au in facs.ALL] for start in starts], np.float32
        ),
        side_difference=np.zeros((2, len(facs.ALL)), np.float32),
        difference=unknown.astype(np.float32),
        ranked=np.array(ranked, np.float32),
    )
