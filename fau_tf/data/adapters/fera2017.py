"""FERA 2017 as distributed: nine views of each BP4D sequence, one video each.

Valstar et al., FERA 2017 - addressing head pose in the third Facial Expression Recognition and
Analysis challenge, FG 2017.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from fau_tf.data.adapters.clips import DatasetIndex, Dropped
from fau_tf.data.adapters.label_files import labeled_clip
from fau_tf.data.config import DataSettings

AUS: Final = (1, 4, 6, 10, 12, 14, 17)
_VIDEO: Final = r"FERA17_(TR|VA)_([FM]\d{3})_(T\d+)_([1-9])\.mp4"
_LABELS: Final = r"FERA17_(TR|VA)_([FM]\d{3})_(T\d+)_AU(\d\d)_INT\.CSV"

Sequence = tuple[str, str, str]
"""(TR or VA, subject, task)"""


def fera2017(settings: DataSettings) -> DatasetIndex:
    """Index FERA 2017: the training and validation videos of the poses that are wanted.

    The validation partition numbers other subjects from F001 on, so their names begin with `VA_`.

    Raises:
        FileNotFoundError: If there is no video of a pose anywhere below the root.
    """
    root, index = Path(settings.root), DatasetIndex()
    videos: dict[tuple[Sequence, int], Path] = {}
    labels: dict[Sequence, dict[int, Path]] = {}
    for path in sorted(root.rglob("*")):
        if match := re.fullmatch(_VIDEO, path.name, re.IGNORECASE):
            videos[_sequence(match), int(match[4])] = path
        elif match := re.fullmatch(_LABELS, path.name, re.IGNORECASE):
            labels.setdefault(_sequence(match), {})[int(match[4])] = path
    wanted = {at: path for at, path in videos.items() if at[1] in settings.poses}
    lacking = sorted(set(settings.poses) - {pose for _, pose in wanted})
    if lacking:
        raise FileNotFoundError(
            f"{root}: must hold videos as FERA17_TR_F001_T1_6.mp4 of `data.poses` = "
            f"{list(settings.poses)}. Received: {len(videos)} videos, none of {lacking}. Set "
            "data.root or data.poses."
        )
    for (sequence, pose), video in sorted(wanted.items()):
        partition, subject, task = sequence
        subject = subject if partition == "TR" else f"VA_{subject}"
        files = {
            au: labels.get(sequence, {}).get(
                au, video.with_name(f"{_stem(sequence)}_AU{au:02d}_Int.csv")
            )
            for au in AUS
        }
        name = f"{subject}/{task}/pose{pose}"
        # Label files count frames from 0 or from 1.
        clip = labeled_clip(index, name, subject, files, header=1, unknown=True, of_video=True)
        if clip is not None:
            index.clips.append(replace(clip, video=video))
    for sequence in sorted(labels.keys() - {sequence for sequence, _ in wanted}):
        reason = f"it has labels but no video of poses {settings.poses}"
        index.dropped.append(Dropped(sequence[1], _stem(sequence), reason))
    return index


def _sequence(match: re.Match[str]) -> Sequence:
    return match[1].upper(), match[2].upper(), match[3].upper()


def _stem(sequence: Sequence) -> str:
    return f"FERA17_{'_'.join(sequence)}"
