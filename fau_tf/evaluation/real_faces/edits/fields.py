"""Displacements and folds by which `edit` shows AUs, on vertices of MediaPipe's mesh.

They are set by hand from the descriptions of the Facial Action Coding System (Ekman, Friesen and
Hager, 2002) and used for evaluation only: no training set has these fields. Lengths are in outer
eye distances, about as far as the AU moves a face at intensity 4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fau_tf import facs


@dataclass(frozen=True)
class Move:
    """Vertices that move together: outward from the middle of the face, and down."""

    vertices: tuple[int, ...]
    outward: float
    down: float


@dataclass(frozen=True)
class Fold:
    """A furrow in the skin along a line of vertices.

    Attributes:
        vertices: The line.
        depth: Share of the light that it takes at intensity 4.
    """

    vertices: tuple[int, ...]
    depth: float


@dataclass(frozen=True)
class Field:
    """What shows one AU.

    Attributes:
        moves: Of vertices; those of `edit` that no move names stay where they are.
        folds: That appear.
        opens: Whether the gap between the lips becomes a dark mouth.
        closes: Whether the lids meet at intensity 5.
    """

    moves: tuple[Move, ...] = ()
    folds: tuple[Fold, ...] = ()
    opens: bool = False
    closes: bool = False


def _ibug(*numbers: int) -> tuple[int, ...]:
    return tuple(facs.IBUG_FROM_MEDIAPIPE[i] for i in numbers)


# Upper and lower edge of the brows, from the inner to the outer end. Moves fall off along the brow:
# a brow with a kink is no AU.
_BROW_HEADS = (107, 55, 336, 285)
_BROW_INNER = (66, 65, 296, 295)
_BROW_MIDDLES = (105, 52, 334, 282)
_BROW_OUTER = (63, 53, 293, 283)
_BROW_TAILS = (70, 46, 300, 276)
_BROWS = _BROW_HEADS + _BROW_INNER + _BROW_MIDDLES + _BROW_OUTER + _BROW_TAILS
# Lid margins, from the outer to the inner corner, right and left eye; each upper vertex has the
# lower one that it meets.
UPPER_LIDS: Final = (246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398)
LOWER_LIDS: Final = (7, 163, 144, 145, 153, 154, 155, 249, 390, 373, 374, 380, 381, 382)
LID_CREASES: Final = (30, 29, 27, 28, 56, 260, 259, 257, 258, 286)
EYE_BAGS: Final = (228, 229, 230, 231, 448, 449, 450, 451)
CHEEKS: Final = (50, 101, 118, 117, 36, 280, 330, 347, 346, 266)
LOW_CHEEKS: Final = (187, 205, 411, 425)
NOSE_WINGS: Final = (129, 102, 98, 358, 331, 327)
_CORNERS = _ibug(48, 54, 60, 64)
_UPPER_OUTER, _UPPER_INNER = _ibug(*range(49, 54)), _ibug(61, 62, 63)
_LOWER_OUTER, _LOWER_INNER = _ibug(*range(55, 60)), _ibug(65, 66, 67)
_JAW = _ibug(*range(5, 12))
CHIN_BOSS: Final = (199, 200, 201, 421)
FOREHEAD: Final = (10, 109, 338, 67, 297, 103, 332)
"""Vertices at the hairline; nothing moves them."""

FIELDS: Final[Mapping[int, Field]] = MappingProxyType(
    {
        1: Field(
            (
                Move(_BROW_HEADS, 0.0, -0.10),
                Move(_BROW_INNER, 0.0, -0.085),
                Move(_BROW_MIDDLES, 0.0, -0.035),
            )
        ),
        2: Field(
            (
                Move(_BROW_TAILS, 0.0, -0.07),
                Move(_BROW_OUTER, 0.0, -0.10),
                Move(_BROW_MIDDLES, 0.0, -0.08),
                Move(_BROW_INNER, 0.0, -0.03),
            )
        ),
        4: Field((Move(_BROWS, 0.0, 0.07), Move(_BROW_HEADS + _BROW_INNER, -0.03, 0.0))),
        5: Field((Move(UPPER_LIDS, 0.0, -0.04), Move(LID_CREASES, 0.0, -0.02))),
        6: Field(
            (
                Move(CHEEKS, -0.01, -0.055),
                Move(EYE_BAGS, 0.0, -0.04),
                Move(LOWER_LIDS, 0.0, -0.018),
                Move(LOW_CHEEKS, 0.0, -0.02),
            ),
            tuple(
                Fold(line, 0.2)
                for line in ((130, 35, 143), (226, 34), (359, 265, 372), (446, 264))
            ),
        ),
        7: Field((Move(LOWER_LIDS, 0.0, -0.03), Move(UPPER_LIDS, 0.0, 0.014))),
        9: Field(
            (
                Move(NOSE_WINGS, 0.01, -0.05),
                Move(_UPPER_OUTER, 0.0, -0.025),
                Move(_UPPER_INNER, 0.0, -0.015),
                Move(_BROW_HEADS + _BROW_INNER, -0.01, 0.03),
                Move(EYE_BAGS, 0.0, -0.012),
            ),
            tuple(
                Fold(line, 0.2) for line in ((193, 168, 417), (122, 6, 351), (196, 197, 419))
            ),
        ),
        10: Field(
            (
                Move(_UPPER_OUTER, 0.0, -0.06),
                Move(_UPPER_INNER, 0.0, -0.06),
                Move(NOSE_WINGS, 0.0, -0.015),
            )
        ),
        12: Field(
            (Move(_CORNERS, 0.06, -0.08), Move(LOW_CHEEKS, 0.02, -0.04), Move(CHEEKS, 0.0, -0.02))
        ),
        14: Field(
            (Move(_CORNERS, 0.03, 0.0),),
            (Fold((186, 57, 43), 0.3), Fold((410, 287, 273), 0.3)),
        ),
        15: Field((Move(_CORNERS, 0.04, 0.08),)),
        17: Field(
            (
                Move(_LOWER_OUTER, 0.0, -0.06),
                Move(_LOWER_INNER, 0.0, -0.035),
                Move(_UPPER_INNER, 0.0, -0.03),
                Move(_UPPER_OUTER, 0.0, -0.02),
                Move(CHIN_BOSS, 0.0, -0.06),
            )
        ),
        20: Field((Move(_CORNERS, 0.10, 0.02),)),
        23: Field(
            (
                Move(_CORNERS, -0.035, 0.0),
                Move(_UPPER_OUTER, -0.01, 0.022),
                Move(_LOWER_OUTER, -0.01, -0.025),
            )
        ),
        25: Field((Move(_LOWER_OUTER, 0.0, 0.07), Move(_LOWER_INNER, 0.0, 0.07)), opens=True),
        26: Field(
            (
                Move(_LOWER_OUTER, 0.0, 0.15),
                Move(_LOWER_INNER, 0.0, 0.15),
                Move(_JAW, 0.0, 0.18),
                Move(CHIN_BOSS, 0.0, 0.17),
            ),
            opens=True,
        ),
        45: Field((Move(LID_CREASES, 0.0, 0.02),), closes=True),
    }
)  # fmt: skip
"""AU -> what shows it."""
