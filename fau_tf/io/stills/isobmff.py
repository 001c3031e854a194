"""Boxes of ISO base media files: brands of MP4, HEIC and AVIF, and the color code of an image.

ISO/IEC 14496-12 (boxes), 23008-12 (HEIF items and their properties), 23091-2 (color codes).
"""

import struct
from collections.abc import Iterator
from typing import Final

from fau_tf.io.color_codes import ColorCode

SEQUENCE_BRANDS: Final = frozenset((b"avis", b"hevc", b"hevx", b"msf1"))
"""Major brands of image sequences, which are stored as video tracks."""

_AVIF: Final = frozenset((b"avif", b"avis"))
_STILL: Final = frozenset((b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", *_AVIF))
_MOST_BOXES: Final = 10_000


def brands(head: bytes) -> tuple[bytes, ...]:
    """Return the brands of a file, the major one first; empty if it does not begin with `ftyp`.

    Args:
        head: First bytes of the file; 256 hold more than 50 brands.
    """
    if head[4:8] != b"ftyp" or len(head) < 16:
        return ()
    size = int.from_bytes(head[:4], "big")
    listed = head[16 : max(size, 16)]
    return (head[8:12], *(listed[i : i + 4] for i in range(0, len(listed) - 3, 4)))


def is_avif(head: bytes) -> bool:
    """Return whether a file is an AVIF image or sequence."""
    found = brands(head)
    return bool(found) and found[0] in _STILL | SEQUENCE_BRANDS and not _AVIF.isdisjoint(found)


def is_still(head: bytes) -> bool:
    """Return whether a file is a HEIF or AVIF image; its major brand decides."""
    return bool(set(brands(head)[:1]) & (_STILL - SEQUENCE_BRANDS))


def color_code(content: bytes) -> ColorCode | None:
    """Return the color code of the primary image of a HEIF or AVIF file; None if it has none.

    Args:
        content: The whole file, or its beginning with the `meta` box; damaged boxes give None.
    """
    try:
        return _primary_color(content)
    except (struct.error, KeyError, IndexError):
        return None


def _primary_color(content: bytes) -> ColorCode | None:
    top = dict(_boxes(memoryview(content)))  # a view: the pixels are not copied
    meta = dict(_boxes(top[b"meta"][4:]))
    pitm = meta[b"pitm"]
    primary = int.from_bytes(pitm[4 : 6 if pitm[0] == 0 else 8], "big")
    properties = dict(_boxes(meta[b"iprp"]))
    listed = list(_boxes(properties[b"ipco"]))
    for index in _associated(properties[b"ipma"], primary):
        name, body = listed[index - 1] if index else (b"", memoryview(b""))
        if name == b"colr" and bytes(body[:4]) == b"nclx":
            return ColorCode(*struct.unpack(">HH", body[4:8]))
    return None


def _associated(ipma: memoryview, item: int) -> Iterator[int]:
    """Yield the numbers, from 1, of an item's properties."""
    version, wide = ipma[0], ipma[3] & 1
    (count,) = struct.unpack_from(">I", ipma, 4)
    at, id_size, size = 8, 2 if version < 1 else 4, 2 if wide else 1
    for _ in range(min(count, _MOST_BOXES)):
        found = int.from_bytes(ipma[at : at + id_size], "big")
        entries = ipma[at + id_size]
        at += id_size + 1
        if found == item:
            for i in range(at, at + entries * size, size):
                # The upper bit says whether a reader must understand the property.
                yield int.from_bytes(ipma[i : i + size], "big") & (0x7FFF if wide else 0x7F)
            return
        at += entries * size


def _boxes(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Yield name and content of the boxes that follow each other."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 8 > len(content):
            return
        size, name = struct.unpack_from(">I4s", content, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, start)
            start += 8
        end = at + size if size else len(content)
        if end < start:
            return
        yield name, content[start:end]
        at = end
