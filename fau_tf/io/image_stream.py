"""JPEG and PNG files one after another in a stream, as `ffmpeg -f image2pipe` writes them."""

from collections.abc import Iterator
from typing import BinaryIO, Final, NoReturn

from fau_tf.io.frames import UnreadableError

MAX_BYTES: Final = 64 << 20
"""Largest image file in a stream; bounds the memory for a stream that never ends an image."""

_JPEG, _PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_WITHOUT_LENGTH: Final = frozenset((0x01, *range(0xD0, 0xD9)))  # JPEG markers
_END, _SCAN = 0xD9, 0xDA


def split_images(stream: BinaryIO, name: str = "stdin") -> Iterator[bytes]:
    """Yield the bytes of each image file in a stream that holds nothing else.

    The parser follows JPEG segments and PNG chunks, so a thumbnail inside an image does not end it.

    Args:
        stream: Images one after another.
        name: Of the stream in error messages.

    Raises:
        UnreadableError: If the stream ends within an image, or holds anything else.
    """
    reader = _StreamReader(stream, name)
    while reader.begin_image():
        start = reader.take(2)
        if start == _JPEG:
            _take_jpeg(reader)
        elif start == _PNG[:2] and reader.take(6) == _PNG[2:]:
            _take_png(reader)
        else:
            raise UnreadableError(
                f"{name}: image {reader.count} begins with {start.hex()}, which is neither "
                "JPEG nor PNG. Send images: ffmpeg -i FILE -f image2pipe -c:v mjpeg -"
            )
        yield bytes(reader.image)


class _StreamReader:
    """Reads a stream piece by piece and collects the bytes of the current image.

    Attributes:
        count: Number of the current image, from 1.
        image: Bytes of the current image so far.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self._name = stream, name
        self._ahead = bytearray()
        self.count = 0
        self.image = bytearray()

    def begin_image(self) -> bool:
        """Return whether the stream goes on with another image."""
        self.image = bytearray()
        self.count += 1
        return bool(self._ahead) or self._read_more()

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        if len(self.image) + size > MAX_BYTES:
            self._refuse_size()
        while len(self._ahead) < size:
            if not self._read_more():
                self._refuse_end()
        piece = bytes(self._ahead[:size])
        self._move_to_image(size)
        return piece

    def take_through(self, byte: int) -> None:
        """Take everything up to and including the next byte of this value."""
        while (at := self._ahead.find(byte)) < 0:
            self._move_to_image(len(self._ahead))
            if len(self.image) > MAX_BYTES:
                self._refuse_size()
            if not self._read_more():
                self._refuse_end()
        self._move_to_image(at + 1)

    def _read_more(self) -> bool:
        # `read1` returns what is there instead of waiting for a full buffer: a stream may be live.
        read = getattr(self._stream, "read1", self._stream.read)
        piece = read(1 << 16)
        self._ahead += piece
        return bool(piece)

    def _move_to_image(self, size: int) -> None:
        self.image += self._ahead[:size]
        del self._ahead[:size]

    def _refuse_size(self) -> NoReturn:
        raise UnreadableError(
            f"{self._name}: image {self.count} exceeds the limit of {MAX_BYTES >> 20} MiB. Send "
            "smaller images."
        )

    def _refuse_end(self) -> NoReturn:
        size = len(self.image) + len(self._ahead)
        raise UnreadableError(
            f"{self._name}: the stream ends within image {self.count}, after {size} bytes. The "
            "images before it are read; check the program that wrote them."
        )


def _take_jpeg(reader: _StreamReader) -> None:
    marker = _take_marker(reader)
    while marker != _END:
        if marker not in _WITHOUT_LENGTH:
            reader.take(max(int.from_bytes(reader.take(2), "big") - 2, 0))
        marker = _marker_after_scan(reader) if marker == _SCAN else _take_marker(reader)


def _take_marker(reader: _StreamReader) -> int:
    """Take bytes up to the next marker and return it; 0xff may be repeated before it."""
    reader.take_through(0xFF)
    while (found := reader.take(1)[0]) == 0xFF:
        pass
    return found


def _marker_after_scan(reader: _StreamReader) -> int:
    """Take compressed data and return the marker behind it; 0xff00 encodes 0xff in the data."""
    while (found := _take_marker(reader)) == 0 or 0xD0 <= found <= 0xD7:
        pass
    return found


def _take_png(reader: _StreamReader) -> None:
    kind = b""
    while kind != b"IEND":
        size, kind = int.from_bytes(reader.take(4), "big"), reader.take(4)
        reader.take(size + 4)  # the chunk and its checksum
