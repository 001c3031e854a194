"""Video containers, by the first bytes of a file."""

from dataclasses import dataclass
from typing import Final

from fau_tf.io.stills.isobmff import is_still

Signature = tuple[tuple[int, bytes], ...]
"""(offset, bytes) pairs, all of which a file must have."""


@dataclass(frozen=True)
class ContainerFormat:
    """A kind of video file.

    Attributes:
        name: For messages.
        demuxer: FFmpeg's name of its reader.
        signatures: Alternatives.
    """

    name: str
    demuxer: str
    signatures: tuple[Signature, ...]


def _starts(*heads: bytes) -> tuple[Signature, ...]:
    return tuple(((0, head),) for head in heads)


FORMATS: Final = (
    ContainerFormat(
        "MP4 or MOV",
        "mov",
        tuple(((4, kind),) for kind in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")),
    ),
    ContainerFormat("Matroska or WebM", "matroska", _starts(b"\x1a\x45\xdf\xa3")),
    ContainerFormat("AVI", "avi", (((0, b"RIFF"), (8, b"AVI ")),)),
    ContainerFormat("Ogg", "ogg", _starts(b"OggS")),
    ContainerFormat("ASF", "asf", _starts(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11")),
    ContainerFormat("FLV", "flv", _starts(b"FLV\x01")),
    ContainerFormat("MPEG", "mpeg", _starts(b"\x00\x00\x01\xba")),
    ContainerFormat("MPEG", "mpegvideo", _starts(b"\x00\x00\x01\xb3")),
    # M2TS, as of AVCHD cameras, has 4 bytes more before each packet.
    ContainerFormat(
        "MPEG-TS", "mpegts", (((0, b"\x47"), (188, b"\x47")), ((4, b"\x47"), (196, b"\x47")))
    ),
    ContainerFormat("Y4M", "yuv4mpegpipe", _starts(b"YUV4MPEG2")),
    ContainerFormat("DV", "dv", _starts(b"\x1f\x07\x00\x3f", b"\x1f\x07\x00\xbf")),
    ContainerFormat("MXF", "mxf", _starts(b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02")),
    ContainerFormat("IVF", "ivf", _starts(b"DKIF")),
    # Streams without a container: an access unit delimiter or a parameter set comes first.
    ContainerFormat(
        "raw H.264",
        "h264",
        _starts(
            *(b"\0\0\0\1" + bytes((unit,)) for unit in (0x09, 0x27, 0x47, 0x67)),
            *(b"\0\0\1" + bytes((unit,)) for unit in (0x09, 0x27, 0x47, 0x67)),
        ),
    ),
    ContainerFormat(
        "raw HEVC",
        "hevc",
        _starts(b"\0\0\0\1\x40\x01", b"\0\0\1\x40\x01", b"\0\0\0\1\x46\x01", b"\0\0\1\x46\x01"),
    ),
)
"""What can be read; the first whose signature fits decides."""

NAMES: Final = ", ".join(dict.fromkeys(one.name for one in FORMATS))
"""For messages."""

HEAD_BYTES: Final = 256
"""How much of a file decides what it is."""

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def container_format(head: bytes) -> ContainerFormat | None:
    """Return the kind of a file by its first `HEAD_BYTES` bytes; None if it is no video."""
    if is_still(head):  # HEIC and AVIF photos are MP4 files, too
        return None
    for one in FORMATS:
        for signature in one.signatures:
            if all(head[at : at + len(part)] == part for at, part in signature):
                return one
    return None


def is_video(head: bytes) -> bool:
    """Return whether the first `HEAD_BYTES` bytes of a file are those of a video."""
    return container_format(head) is not None


def announced_size(head: bytes) -> int | None:
    """Return the size that a Matroska file gives for itself; None if it gives none.

    FFmpeg does not report that such a file is cut short.

    Args:
        head: First `HEAD_BYTES` bytes of the file.

    Reference:
        RFC 8794, sections 4 and 5.
    """
    if not head.startswith(_EBML):
        return None
    size, start = _number(head, len(_EBML))
    at = start + (size or 0)
    if head[at : at + len(_SEGMENT)] != _SEGMENT:
        return None
    size, start = _number(head, at + len(_SEGMENT))
    return None if size is None else start + size


def _number(head: bytes, at: int) -> tuple[int | None, int]:
    """Return a number of variable length, None if it is the mark for unknown, and where it ends."""
    first = head[at] if at < len(head) else 0
    length = 9 - first.bit_length()
    bits = 7 * length
    number = int.from_bytes(head[at : at + length], "big") & ((1 << bits) - 1)
    known = first and number != (1 << bits) - 1
    return number if known else None, at + length
