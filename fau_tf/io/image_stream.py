"""JPEG and PNG files one after another, as `ffmpeg -f image2pipe` writes them -> their bytes."""

from collections.abc import Iterator
from typing import BinaryIO, Final, NoReturn

from fau_tf.io.images import UnreadableError

MAX_PICTURE: Final = 64 << 20
"""Bytes of one picture: as many as a stream may send before one is complete."""

_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_ALONE: Final = frozenset((0x01, *range(0xD0, 0xD9)))  # JPEG markers without a length
_END, _SCAN = 0xD9, 0xDA


class UnreadableStreamError(UnreadableError):
    """A stream holds something other than whole pictures."""


def pictures(stream: BinaryIO) -> Iterator[bytes]:
    """Yield each picture's bytes, from a stream that holds nothing else; at its end, end.

    The pictures' structure is followed (JPEG segments, PNG chunks), so a thumbnail inside one does
    not end it.

    Raises:
        UnreadableStreamError: If the stream ends within a picture, or another kind of bytes comes.
    """
    reader = _Reader(stream)
    while reader.begin():
        start = reader.take(2)
        if start == _JPEG:
            _jpeg(reader)
        elif start == _PNG[:2] and reader.take(6) == _PNG[2:]:
            _png(reader)
        else:
            raise UnreadableStreamError(
                f"stdin: picture {reader.count} must begin as a JPEG or a PNG file. Received: "
                f"{start.hex()}. Send pictures: ffmpeg -i FILE -f image2pipe -c:v mjpeg -"
            )
        yield bytes(reader.kept)


class _Reader:
    """Hands out a stream piece by piece and keeps the bytes of the present picture."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._ahead = bytearray()
        self.count = 0
        self.kept = bytearray()

    def begin(self) -> bool:
        """Return whether there is another picture."""
        self.kept = bytearray()
        self.count += 1
        return bool(self._ahead) or self._more()

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if len(self.kept) + size > MAX_PICTURE:
            self._refuse_size()
        while len(self._ahead) < size:
            if not self._more():
                self._refuse_end()
        piece = bytes(self._ahead[:size])
        self._keep(size)
        return piece

    def pass_over(self, byte: int) -> None:
        """Take all bytes to the next one of this value, which is the last one taken."""
        while (at := self._ahead.find(byte)) < 0:
            self._keep(len(self._ahead))
            if len(self.kept) > MAX_PICTURE:
                self._refuse_size()
            if not self._more():
                self._refuse_end()
        self._keep(at + 1)

    def _more(self) -> bool:
        # What is there, without waiting until a buffer is full: the stream may be live.
        read = getattr(self._stream, "read1", self._stream.read)
        piece = read(1 << 16)
        self._ahead += piece
        return bool(piece)

    def _keep(self, size: int) -> None:
        self.kept += self._ahead[:size]
        del self._ahead[:size]

    def _refuse_size(self) -> NoReturn:
        raise UnreadableStreamError(
            f"stdin: picture {self.count} must have at most {MAX_PICTURE >> 20} MiB. Received: "
            "more. Send smaller pictures."
        )

    def _refuse_end(self) -> NoReturn:
        raise UnreadableStreamError(
            f"stdin: every picture must be whole. Received: an end within picture {self.count}, "
            f"after {len(self.kept) + len(self._ahead)} bytes. The ones before are read."
        )


def _jpeg(reader: _Reader) -> None:
    marker = _marker(reader)
    while marker != _END:
        if marker not in _ALONE:
            reader.take(max(int.from_bytes(reader.take(2), "big") - 2, 0))
        marker = _after_scan(reader) if marker == _SCAN else _marker(reader)


def _marker(reader: _Reader) -> int:
    """Take bytes to the next marker and return it; 0xff may be repeated before it."""
    reader.pass_over(0xFF)
    while (found := reader.take(1)[0]) == 0xFF:
        pass
    return found


def _after_scan(reader: _Reader) -> int:
    """Take compressed data and return the marker behind it; 0xff00 stands for 0xff in the data."""
    while (found := _marker(reader)) == 0 or 0xD0 <= found <= 0xD7:
        pass
    return found


def _png(reader: _Reader) -> None:
    kind = b""
    while kind != b"IEND":
        size, kind = int.from_bytes(reader.take(4), "big"), reader.take(4)
        reader.take(size + 4)  # the chunk and its checksum
