"""Sources: what a name on the command line refers to, and the frames in it.

A name is an image file, a video file, a folder (all images and videos in it and in its subfolders),
a pattern (`*`, `?`, `[...]`, and `**` for folders), or `-` for images on stdin.
"""

import fnmatch
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from fau_tf.io.file_kinds import file_kind
from fau_tf.io.frames import Frame, UnreadableError, UnreadFrame
from fau_tf.io.image_sequences import ImageSequence
from fau_tf.io.image_stream import split_images
from fau_tf.io.images import MAX_PIXELS, decode_picture, read_picture
from fau_tf.io.named_files import find_file, read_text
from fau_tf.io.video.cameras import camera_frames
from fau_tf.utils.optional_imports import explain_import_errors

if TYPE_CHECKING:
    from fau_tf.io.videos import VideoFile

STDIN: Final = "-"


class SourceKind(Enum):
    """Kind of a source.

    PHOTOS is a set of photos that share their results; SEQUENCE is several pictures in one file.
    """

    PHOTO = "photo"
    PHOTOS = "photos"
    SEQUENCE = "sequence"
    VIDEO = "video"
    CAMERA = "camera"
    STDIN = "stdin"

    @property
    def is_sequence(self) -> bool:
        """Whether its frames follow each other in time."""
        return self not in (SourceKind.PHOTO, SourceKind.PHOTOS)


@dataclass(frozen=True)
class Source:
    """Something that frames are read from.

    Attributes:
        kind: Its kind.
        name: As the user named it.
        paths: Its files; empty for a camera and for stdin.
        index: Number of a camera.
        folder: Where its files were found, of a folder or pattern; None otherwise.
    """

    kind: SourceKind
    name: str
    paths: tuple[Path, ...] = ()
    index: int = 0
    folder: Path | None = None


@dataclass(frozen=True)
class FrameStream:
    """Frames of an open source.

    Attributes:
        frames: In order; `UnreadFrame` for a damaged photo or image on stdin. Raises
            `UnreadableError` if a video, a camera or stdin cannot be read to its end.
        count: Number of frames to expect; 0 if it is unknown.
        fps: Frames per second, of those that are yielded.
    """

    frames: Iterator[Frame | UnreadFrame]
    count: int = 0
    fps: float = 25.0


_STDIN: Final = Source(SourceKind.STDIN, "stdin")


def find_sources(names: Sequence[str], skip: Path | None = None) -> list[Source]:
    """Return the sources that names refer to.

    A folder or a pattern gives one source with all its photos, sorted by name, and one per video.
    Links to folders are not followed, so link cycles end. The content of a file decides its kind;
    if it is unknown, its ending does, so that reading it gives a precise error. Other files in a
    folder are left out, and hidden ones, whose names begin with a dot, unless they are named.

    Args:
        names: From the command line.
        skip: Folder to leave out, usually that of the results; unless a name begins with it.

    Raises:
        ValueError: If a name is empty.
    """
    if "" in names:
        # As a path, "" would be the current folder with everything in it.
        raise ValueError("SOURCE: the name is empty. Check the variable that it comes from.")
    return [source for name in names for source in _resolve(name, skip)]


def read_source_list(path: Path) -> list[Source]:
    """Return the sources in a text file: one with all its photos, and one per video.

    Args:
        path: File in UTF-8, or in UTF-16 with a byte order mark, with the path of a photo or video
            on each line. Relative ones are those of the current folder or of the file's folder.
            Empty lines are skipped.

    Raises:
        ValueError: If the file cannot be read, or a relative path exists in both folders.
    """
    try:
        lines = read_text(path).replace("\r\n", "\n").split("\n")
    except OSError as error:
        raise ValueError(
            f"--list: {path} cannot be read: {error.strerror}. Check the path."
        ) from error
    except ValueError as error:
        raise ValueError(f"--list: {path} holds {error}.") from error
    files = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                files.append(find_file(line, (Path(), path.parent)))
            except ValueError as error:
                raise ValueError(f"--list: {path}, line {number}: {error}.") from error
    return _group(str(path), files)


def camera_source(index: int) -> Source:
    """Return a camera as a source."""
    return Source(SourceKind.CAMERA, f"camera{index}", index=index)


@contextmanager
def open_frames(
    source: Source,
    every: int = 1,
    fps: float = 25.0,
    stdin: BinaryIO | None = None,
    max_pixels: int = MAX_PIXELS,
    first: int = 1,
) -> Iterator[FrameStream]:
    """Open a source for reading its frames.

    Args:
        source: From `find_sources`, `read_source_list` or `camera_source`.
        every: Yields every n-th frame of a video, a camera or stdin, beginning with the first.
        fps: Frames per second of stdin, which has no timestamps.
        stdin: Stream to read instead of the process's stdin.
        max_pixels: Larger images are refused before they are decoded.
        first: Number of the first photo.

    Raises:
        UnreadableError: If the source is a video that cannot be opened.
    """
    if source.kind is SourceKind.CAMERA:
        yield FrameStream(camera_frames(source.index, every))
    elif source.paths and source.kind.is_sequence:
        with open_video(source.paths[0], source.kind, max_pixels, fps) as video:
            yield FrameStream(video.frames(every), -(-video.count // every), video.fps / every)
    elif source.kind is SourceKind.STDIN:
        stream = sys.stdin.buffer if stdin is None else stdin
        numbered = enumerate(split_images(stream), 1)
        wanted = ((number, bytes_) for number, bytes_ in numbered if (number - 1) % every == 0)
        yield FrameStream((_stdin_frame(*one, fps, max_pixels) for one in wanted), 0, fps / every)
    else:
        photos = (_photo_frame(path, i, max_pixels) for i, path in enumerate(source.paths, first))
        yield FrameStream(photos, len(source.paths))


def open_video(
    path: Path, kind: SourceKind | None = None, max_pixels: int = MAX_PIXELS, fps: float = 25.0
) -> "VideoFile | ImageSequence":
    """Return the frames of a video file or of several pictures in one file, to be closed.

    Args:
        path: The file.
        kind: VIDEO or SEQUENCE; by the file's content if None.
        max_pixels: Larger images are refused before they are decoded.
        fps: Frames per second of several pictures or a raw video without times.

    Raises:
        MissingLibraryError: If PyAV cannot be imported.
        UnreadableError: If the file cannot be opened.
    """
    if (kind or _file_kind(path)) is SourceKind.SEQUENCE:
        return ImageSequence(path, max_pixels, fps)
    with explain_import_errors("PyAV"):  # which takes a tenth of a second to load
        from fau_tf.io.videos import VideoFile

    return VideoFile(path, max_pixels, fps)


def _photo_frame(path: Path, number: int, max_pixels: int) -> Frame | UnreadFrame:
    try:
        found = read_picture(path, max_pixels)
    except UnreadableError as error:
        return UnreadFrame(str(error), number, 0.0, str(path))
    return Frame(found.image, number, 0.0, str(path), found.flags)


def _stdin_frame(number: int, content: bytes, fps: float, max_pixels: int) -> Frame | UnreadFrame:
    seconds = (number - 1) / fps
    try:
        found = decode_picture(content, f"stdin, image {number}", max_pixels)
    except UnreadableError as error:
        return UnreadFrame(str(error), number, seconds, _STDIN.name)
    return Frame(found.image, number, seconds, _STDIN.name, found.flags)


def _resolve(name: str, skip: Path | None) -> list[Source]:
    path = Path(name)
    if name == STDIN:
        return [_STDIN]
    if _is_folder(path):
        return _group(name, _media_files(path, skip), path)
    if not os.path.lexists(name) and _is_pattern(name):
        found = _matching_files(path, skip)
        if found:
            return _group(name, found, _fixed_folder(path))
    return [Source(_file_kind(path) or SourceKind.PHOTO, name, (path,))]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    # A name that is too long or holds a null byte: reading it as a file gives the error.
    except (OSError, ValueError):
        return False


def _is_pattern(name: str) -> bool:
    return any(mark in name for mark in "*?[")


def _is_hidden(name: str) -> bool:
    """Return whether a file is hidden, such as macOS's `._a.png` beside `a.png`: no picture."""
    return name.startswith(".")


def _fixed_folder(pattern: Path) -> Path:
    """Return the folder that the part of a pattern before its first mark names."""
    return Path(*takewhile(lambda part: not _is_pattern(part), pattern.parts))


def _group(name: str, files: Sequence[Path], folder: Path | None = None) -> list[Source]:
    """Return files as one source of photos and one source per video."""
    # A path of unknown kind counts as a photo, so that it is reported as unread: a folder without
    # read permission, or a line of a list that is neither photo nor video.
    kinds = {path: _file_kind(path) or SourceKind.PHOTO for path in files}
    photos = tuple(path for path in files if kinds[path] is SourceKind.PHOTO)
    videos = [
        Source(kind, str(path), (path,), folder=folder)
        for path, kind in kinds.items()
        if kind.is_sequence
    ]
    if videos and not photos:
        return videos
    return [Source(SourceKind.PHOTOS, name, photos, folder=folder), *videos]


def _file_kind(path: Path) -> SourceKind | None:
    kind = file_kind(path)
    return None if kind is None else SourceKind(kind.value)


def _media_files(folder: Path, skip: Path | None) -> list[Path]:
    """Return all photos and videos in a folder and its subfolders, sorted.

    Links to folders are not followed; a folder without read permission is returned itself.
    """
    found: list[Path] = []
    closed: list[Path] = []
    for place, _, files in _walk(folder, skip, lambda error: closed.append(Path(error.filename))):
        found += [place / name for name in files if not _is_hidden(name)]
    return sorted([*closed, *(path for path in found if _file_kind(path))])


def _matching_files(pattern: Path, skip: Path | None) -> list[Path]:
    """Return the files that match a pattern, and the media files of matching folders."""
    # Not `glob`, which follows links to folders: two links that lead back double the paths with
    # each level.
    base = _fixed_folder(pattern)
    wanted = pattern.parts[len(base.parts) :]
    found: list[Path] = []
    for place, folders, files in _walk(base, skip):
        inside = place.relative_to(base).parts
        # As in a shell, only `.` stands for the dot of a hidden file.
        shown = [name for name in files if wanted[-1].startswith(".") or not _is_hidden(name)]
        for name in [*folders, *shown]:
            if _matches((*inside, name), wanted):
                path = place / name
                if name in files:
                    found.append(path)
                elif not path.is_symlink():
                    found += _media_files(path, skip)
    return sorted(set(found))


def _walk(
    folder: Path, skip: Path | None, onerror: Callable[[OSError], object] | None = None
) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield what `os.walk` does, without following links and without `skip` below the folder."""
    left_out = os.path.realpath(skip) if skip else None
    for name, folders, files in os.walk(folder, onerror=onerror, followlinks=False):
        place = Path(name)
        folders[:] = [one for one in folders if os.path.realpath(place / one) != left_out]
        yield place, folders, files


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return _matches(parts, pattern[1:]) or bool(parts and _matches(parts[1:], pattern))
    return bool(
        parts and fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
    )
