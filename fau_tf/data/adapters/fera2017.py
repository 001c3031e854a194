"""FERA 2017 as distributed: nine views of each BP4D sequence, one video each.

Valstar et al., FERA 2017 - addressing head pose in the third Facial Expression Recognition and
Analysis challenge, FG 2017.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from fau_tf.data.adapters.clips import LeftOut, Listing
from fau_tf.data.adapters.label_files import labeled
from fau_tf.data.config import DataSettings

AUS: Final = (1, 4, 6, 10, 12, 14, 17)
_VIDEO: Final = r"FERA17_(TR|VA)_([FM]\d{3})_(T\d+)_([1-9])\.mp4"
_LABEL: Final = r"FERA17_(TR|VA)_([FM]\d{3})_(T\d+)_AU(\d\d)_INT\.CSV"

Key = tuple[str, str, str]


def fera2017(settings: DataSettings) -> Listing:
    """Return FERA 2017's training and validation videos of the wanted poses.

    The validation part numbers other people from F001 on, so their names begin with `VA_`.

    Raises:
        FileNotFoundError: If no such video lies anywhere below the root.
    """
    root, listing = Path(settings.root), Listing()
    videos: dict[tuple[Key, int], Path] = {}
    files: dict[Key, dict[int, Path]] = {}
    for path in sorted(root.rglob("*")):
        if match := re.fullmatch(_VIDEO, path.name, re.IGNORECASE):
            videos[_key(match), int(match[4])] = path
        elif match := re.fullmatch(_LABEL, path.name, re.IGNORECASE):
            files.setdefault(_key(match), {})[int(match[4])] = path
    wanted = {at: path for at, path in videos.items() if at[1] in settings.poses}
    if not wanted:
        raise FileNotFoundError(
            f"{root}: must hold videos as FERA17_TR_F001_T1_6.mp4 of poses {settings.poses}. "
            f"Received: {len(videos)} of other poses. Set data.root or data.poses."
        )
    for (key, pose), video in sorted(wanted.items()):
        part, subject, task = key
        subject = subject if part == "TR" else f"VA_{subject}"
        name = f"{subject}/{task}/pose{pose}"
        own = files.get(key, {})
        mine = {au: own.get(au, video.with_name(f"{_stem(key)}_AU{au:02d}_Int.csv")) for au in AUS}
        clip = labeled(listing, name, subject, mine, header=1, unknown=True)
        if clip is not None:
            # Frames count from 0 or from 1, as the file begins; those of a video from 1.
            first = min([*clip.numbers.tolist(), 1])
            listing.clips.append(replace(clip, numbers=clip.numbers + (1 - first), video=video))
    shown = {key for key, _ in wanted}
    for key in sorted(files.keys() - shown):
        reason = f"it has labels but no video of poses {settings.poses}"
        listing.left_out.append(LeftOut(key[1], _stem(key), reason))
    return listing


def _key(match: re.Match[str]) -> Key:
    return match[1].upper(), match[2].upper(), match[3].upper()


def _stem(key: Key) -> str:
    return f"FERA17_{'_'.join(key)}"
