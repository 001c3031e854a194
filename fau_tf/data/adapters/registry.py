"""The data sets that can be read, a row each, and what is published about them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fau_tf import facs
from fau_tf.data.adapters import bp4d, disfa, fera2017, lists
from fau_tf.data.adapters.clips import Listing, printable
from fau_tf.data.config import DataSettings


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """One data set.

    Attributes:
        read: Settings -> what lies under their root.
        aus: Coded AUs; empty where the list says.
        population: The same name in two sets of one population is the same person.
        subjects: Everyone whom the whole set has.
        frames: Labeled frames of the whole set; 0 where not known.
        levels: AU -> frames at 0, 1, ... 5 in the whole set, where known.
        own_landmarks: Whether it ships landmarks that can be read.
    """

    read: Callable[[DataSettings], Listing]
    aus: tuple[int, ...] = ()
    population: str = ""
    subjects: tuple[str, ...] = ()
    frames: int = 0
    levels: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    own_landmarks: bool = False


# Recalled from Mavadati et al. 2013, not looked up: each row adds up to the set's 130,814 frames.
_DISFA_LEVELS: Final = {
    1: (122036, 2272, 1749, 2809, 1393, 555),
    2: (123450, 1720, 934, 3505, 836, 369),
    4: (106220, 4661, 7636, 6586, 4328, 1383),
    5: (128085, 1579, 719, 293, 104, 34),
    6: (111330, 9157, 5986, 3599, 601, 141),
    9: (123682, 1659, 2035, 3045, 316, 77),
    12: (99952, 13943, 6869, 7233, 2577, 240),
    15: (122952, 5180, 1618, 1017, 47, 0),
    17: (117884, 6342, 4184, 2281, 112, 11),
    20: (126282, 1591, 1608, 1305, 28, 0),
    25: (84762, 9805, 13935, 15693, 5580, 1039),
    26: (105838, 13443, 7473, 3529, 314, 217),
}

# Frames as in the lists of ME-GraphAU: 75,586 of odd subjects, 71,261 of even ones.
_BP4D: Final = DatasetSpec(
    read=bp4d.bp4d,
    aus=facs.BP4D,
    population="BP4D",
    subjects=bp4d.SUBJECTS,
    frames=146_847,
    own_landmarks=True,
)

DATASETS: Final = {
    "disfa": DatasetSpec(
        read=disfa.disfa,
        aus=facs.DISFA,
        population="DISFA",
        subjects=disfa.SUBJECTS,
        frames=130_814,  # 27 videos of 4,845, one frame of SN010 missing
        levels=_DISFA_LEVELS,
        own_landmarks=True,
    ),
    "disfa_plus": DatasetSpec(
        read=disfa.disfa_plus,
        aus=facs.DISFA,
        population="DISFA",
        subjects=disfa.PLUS_SUBJECTS,
        frames=57_150,  # as public loaders say
    ),
    "bp4d": _BP4D,
    "fera2015": _BP4D,
    "fera2017": DatasetSpec(read=fera2017.fera2017, aus=fera2017.AUS, population="BP4D"),
    "json_list": DatasetSpec(read=lists.json_list),
    "csv": DatasetSpec(read=lists.csv_list),
}


def listing(settings: DataSettings) -> Listing:
    """Return what lies under `settings.root`, every so-manieth frame of it.

    Raises:
        ValueError: If the kind ships no landmarks but its own are wanted; if no frame is left.
        OSError: If a folder that the kind needs is not there.
    """
    kind = DATASETS[settings.dataset]
    if settings.landmarks == "dataset" and not kind.own_landmarks:
        having = ", ".join(name for name, row in DATASETS.items() if row.own_landmarks)
        raise ValueError(
            f'`data.landmarks` = "dataset" needs a data set that ships them: {having}. '
            f"Received: {settings.dataset}. Use mediapipe."
        )
    found = kind.read(settings)
    if settings.frame_stride > 1:
        found.clips = [
            clip.only(np.arange(len(clip.numbers)) % settings.frame_stride == 0)
            for clip in found.clips
        ]
    found.clips.sort(key=lambda clip: clip.name)
    if not any(len(clip.numbers) for clip in found.clips):
        why = (
            f" First: {found.left_out[0].where}: {found.left_out[0].reason}"
            if found.left_out
            else ""
        )
        raise ValueError(
            f"{printable(settings.root)}: must hold labeled frames. Received: none of "
            f"{len(found.left_out)} parts can be used.{why}"
        )
    return found
