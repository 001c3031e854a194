"""Chunks of a PNG file that say how its samples are stored, which Pillow does not report."""

from collections.abc import Iterator
from typing import BinaryIO, Final

from fau_tf.io.color_codes import ColorCode

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_SRGB_GAMMA: Final = 0.45455
_LARGEST: Final = 64  # bytes of a chunk that is kept
_MOST_CHUNKS: Final = 10_000


def header_chunks(file: BinaryIO) -> dict[bytes, bytes]:
    """Return the small chunks before the pixels of a PNG file; empty for other files."""
    file.seek(0)
    if file.read(8) != _SIGNATURE:
        return {}
    return dict(_chunks(file))


def bit_depth(chunks: dict[bytes, bytes]) -> int:
    """Return the bits of a sample by the header; 8 for a damaged one."""
    header = chunks.get(b"IHDR", b"")
    return header[8] if len(header) == 13 else 8


def significant_bits(chunks: dict[bytes, bytes]) -> int | None:
    """Return the largest number of significant bits of the `sBIT` chunk; None without one."""
    return max(chunks[b"sBIT"]) if chunks.get(b"sBIT") else None


def transparent_gray(chunks: dict[bytes, bytes]) -> int | None:
    """Return the transparent level of a gray picture of 2 or 4 bits, scaled to 0 to 255.

    Pillow scales the samples and not this level. None without one, or for other pictures.
    """
    bits, level = bit_depth(chunks), chunks.get(b"tRNS", b"")
    if bits not in (2, 4) or chunks[b"IHDR"][9] != 0 or len(level) != 2:
        return None
    return int.from_bytes(level, "big") * 255 // ((1 << bits) - 1)


def color_code(chunks: dict[bytes, bytes]) -> ColorCode | None:
    """Return the color code of the `cICP` chunk; None without one."""
    code = chunks.get(b"cICP", b"")
    return ColorCode(code[0], code[1]) if len(code) == 4 else None


def gamma(chunks: dict[bytes, bytes]) -> float | None:
    """Return the exponent of the `gAMA` chunk; None without one, if it is sRGB's, or useless."""
    stored = chunks.get(b"gAMA", b"")
    value = int.from_bytes(stored, "big") / 100_000 if len(stored) == 4 else 0.0
    if b"sRGB" in chunks or not 0.1 <= value <= 2 or abs(value - _SRGB_GAMMA) < 0.02:
        return None
    return value


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind in (b"IDAT", b"IEND"):
            return
        if size <= _LARGEST:
            yield kind, file.read(size)
            size = 0
        file.seek(size + 4, 1)  # and the checksum
