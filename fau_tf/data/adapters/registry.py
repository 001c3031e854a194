"""Data sets that can be read, one row each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from fau_tf import facs
from fau_tf.data.adapters import bp4d, csv_table, disfa, fera2017, lists
from fau_tf.data.adapters.clips import DatasetIndex, printable
from fau_tf.data.config import DataSettings


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """One data set.

    Attributes:
        read: Settings -> clips under their root.
        aus: Coded AUs; empty for lists, which name their AUs.
        population: Data sets of the same population share subject codes: `SN001` of DISFA+ is
            `SN001` of DISFA.
        subjects: All subjects of the complete data set.
        frames: Labeled frames of the complete data set; 0 if no source states them.
        frames_source: Where `frames` is from.
        uncounted: Reasons of documented drops that `frames` has left out already.
        ships_landmarks: Whether landmarks can be read from the distribution.
    """

    read: Callable[[DataSettings], DatasetIndex]
    aus: tuple[int, ...] = ()
    population: str = ""
    subjects: tuple[str, ...] = ()
    frames: int = 0
    frames_source: str = ""
    uncounted: tuple[str, ...] = ()
    ships_landmarks: bool = False


_BP4D: Final = DatasetSpec(
    read=bp4d.bp4d,
    aus=facs.BP4D,
    population="BP4D",
    subjects=bp4d.SUBJECTS,
    frames=75_586 + 71_261,  # odd and even subjects
    frames_source="the frame lists of ME-GraphAU",
    ships_landmarks=True,
)

DATASETS: Final = {
    "disfa": DatasetSpec(
        read=disfa.disfa,
        aus=facs.DISFA,
        population="DISFA",
        subjects=disfa.SUBJECTS,
        frames=27 * 4_845 - 1,
        frames_source="27 videos of 4,845 labeled frames, of which SN010 lacks one",
        uncounted=(disfa.NO_FRAME,),
        ships_landmarks=True,
    ),
    "disfa_plus": DatasetSpec(
        read=disfa.disfa_plus,
        aus=facs.DISFA,
        population="DISFA",
        subjects=disfa.PLUS_SUBJECTS,
        frames=57_150,
        frames_source="public loaders of DISFA+ (CSN, py-feat)",
    ),
    "bp4d": _BP4D,
    "fera2015": _BP4D,
    "fera2017": DatasetSpec(read=fera2017.fera2017, aus=fera2017.AUS, population="BP4D"),
    "json_list": DatasetSpec(read=lists.json_list),
    "csv": DatasetSpec(read=csv_table.csv_list),
}


def index_dataset(settings: DataSettings) -> DatasetIndex:
    """Return the clips under `settings.root`, with every n-th frame where a stride is set.

    Raises:
        ValueError: If landmarks are wanted that the data set does not ship, or no frame is left.
        OSError: If a folder of the data set is missing.
    """
    if settings.landmarks == "dataset" and not DATASETS[settings.dataset].ships_landmarks:
        shipping = ", ".join(name for name, spec in DATASETS.items() if spec.ships_landmarks)
        raise ValueError(
            f'`data.landmarks` = "dataset" needs a data set that ships landmarks: {shipping}. '
            f"Received: {settings.dataset}. Use litert."
        )
    index = DATASETS[settings.dataset].read(settings)
    if settings.frame_stride > 1:
        index.clips = [
            clip.only(np.arange(len(clip.frames)) % settings.frame_stride == 0)
            for clip in index.clips
        ]
    index.clips.sort(key=lambda clip: clip.name)
    if not index.frame_count:
        first = index.dropped[0] if index.dropped else None
        why = f" First: {first.where}: {first.reason}" if first else ""
        raise ValueError(
            f"{printable(settings.root)}: must hold labeled frames. Received: none; "
            f"{len(index.dropped)} parts can't be used.{why}"
        )
    return index
