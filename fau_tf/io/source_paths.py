"""What a user names -> sources.

A name is an image file, a video file, a folder (all images and videos in it, in its folders too), a
pattern (`*`, `?`, `[...]`, and `**` for folders), or `-` for pictures on stdin.
"""

import fnmatch
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from fau_tf.io.videos import is_video

STDIN: Final = "-"

_IMAGE_ENDINGS: Final = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm"),
)
_VIDEO_ENDINGS: Final = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ogv", ".wmv", ".asf", ".flv", ".mpg"),
    *(".mpeg", ".ts", ".mts", ".3gp", ".y4m"),
)


class Kind(Enum):
    """What a source is."""

    PHOTO = "photo"
    PHOTOS = "photos"
    VIDEO = "video"
    CAMERA = "camera"
    STDIN = "stdin"

    @property
    def moves(self) -> bool:
        """Whether its pictures follow each other in time."""
        return self in (Kind.VIDEO, Kind.CAMERA, Kind.STDIN)


@dataclass(frozen=True)
class Source:
    """Something that frames can be read from.

    Attributes:
        kind: What it is.
        name: As the user named it.
        paths: Its files; none for a camera and for stdin.
        index: Number of a camera.
    """

    kind: Kind
    name: str
    paths: tuple[Path, ...] = ()
    index: int = 0


def camera(index: int) -> Source:
    """Return a camera as a source."""
    return Source(Kind.CAMERA, f"camera{index}", index=index)


def expand(names: Sequence[str], skip: Path | None = None) -> list[Source]:
    """Return the sources that names stand for.

    A folder or a pattern is one source of all its photos, sorted by name, and one of each video.
    Links to folders are not followed, so a folder that holds a link to itself ends. What a file is
    is decided by its first bytes; if they are nothing known, by its ending, so that the error tells
    what was expected. Files of a folder that are neither by both are left out.

    Args:
        names: From the command line.
        skip: Left out where it lies in a folder: that of the results.

    Raises:
        ValueError: If a name is empty.
    """
    if "" in names:
        # A path without a name would be the present folder, with all that is in it.
        raise ValueError(
            "SOURCE: must be a name. Received: an empty one. Check the variable that it comes from."
        )
    return [source for name in names for source in _sources(name, skip)]


def listed(path: Path) -> list[Source]:
    """Return the sources that a text file names: one of all its photos, and one of each video.

    Args:
        path: UTF-8, the path of a photo or video on each line; empty lines are passed over.

    Raises:
        ValueError: If it can't be read.
    """
    try:
        names = os.fsdecode(path.read_bytes()).split("\n")
    except OSError as error:
        raise ValueError(
            f"--list: must be a text file. Received: {path} ({error.strerror}). Check the path."
        ) from error
    return _gathered(str(path), [Path(name.rstrip("\r")) for name in names if name.strip()])


def _sources(name: str, skip: Path | None) -> list[Source]:
    path = Path(name)
    if name == STDIN:
        return [Source(Kind.STDIN, "stdin")]
    if _is_folder(path):
        return _gathered(name, _files(path, skip))
    if not os.path.lexists(name) and any(mark in name for mark in "*?["):
        found = _matching(path, skip)
        if found:
            return _gathered(name, found)
    return [Source(_kind(path) or Kind.PHOTO, name, (path,))]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    # A name that is too long, or holds a zero: the error of the file that it isn't tells.
    except (OSError, ValueError):
        return False


def _gathered(name: str, files: Sequence[Path]) -> list[Source]:
    kinds = [(path, _kind(path)) for path in files]
    # A folder among the files is one that may not be entered: as a photo it is listed as unread, as
    # is a file of a list that is neither.
    photos = tuple(path for path, kind in kinds if kind is not Kind.VIDEO)
    videos = [Source(Kind.VIDEO, str(path), (path,)) for path, kind in kinds if kind is Kind.VIDEO]
    return [Source(Kind.PHOTOS, name, photos), *videos] if photos or not videos else videos


def _kind(path: Path) -> Kind | None:
    """Return what a file is by its first bytes, or else by its ending; None for neither."""
    head = _head(path)
    if head and is_video(head):
        return Kind.VIDEO
    if head and _is_image(head):
        return Kind.PHOTO
    ending = path.suffix.lower()
    if ending in _VIDEO_ENDINGS:
        return Kind.VIDEO
    return Kind.PHOTO if ending in _IMAGE_ENDINGS else None


def _is_image(head: bytes) -> bool:
    marks = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"P4", b"P5", b"P6")
    return head.startswith(marks) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def _head(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError):
        return b""
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return os.read(descriptor, 256) if regular else b""
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _files(folder: Path, skip: Path | None) -> list[Path]:
    """Return all photos and videos in a folder and its folders, sorted.

    Links to folders are not followed; a folder that may not be entered is returned itself.
    """
    found: list[Path] = []
    closed: list[Path] = []
    left_out = os.path.realpath(skip) if skip else None
    for place, folders, files in os.walk(
        folder, onerror=lambda error: closed.append(Path(error.filename)), followlinks=False
    ):
        folders[:] = sorted(
            name for name in folders if os.path.realpath(Path(place) / name) != left_out
        )
        found += [Path(place) / name for name in files]
    return sorted([*closed, *(path for path in found if _kind(path))])


def _matching(pattern: Path, skip: Path | None) -> list[Path]:
    """Return the files that fit a pattern, and those in the folders that do."""
    parts = pattern.parts
    first = next(i for i, part in enumerate(parts) if any(mark in part for mark in "*?["))
    base = Path(*parts[:first]) if first else Path()
    found: list[Path] = []
    for place, folders, files in os.walk(base, followlinks=False):
        inside = Path(place).relative_to(base).parts
        for name in [*folders, *files]:
            if _fits((*inside, name), parts[first:]):
                path = Path(place) / name
                if name in files:
                    found.append(path)
                elif not path.is_symlink():
                    found += _files(path, skip)
    return sorted(set(found))


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return _fits(parts, pattern[1:]) or bool(parts and _fits(parts[1:], pattern))
    return bool(
        parts and fnmatch.fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])
    )
