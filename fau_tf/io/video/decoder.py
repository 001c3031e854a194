"""Decoding of a video stream to frames, with the places where it is damaged."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

_STRICT: Final = ("hevc", "mjpeg")
"""Decoders that report damage only when asked to stop at it; the others flag the frame."""

_JOIN: Final = 3
"""Packets within which a join of two files follows the packet that is flagged."""

_MOST_HELD: Final = 16
"""Frames that wait for frames that were coded before them; H.264 and HEVC reorder at most 16."""


@dataclass(frozen=True)
class Decoded:
    """A place in a video.

    Attributes:
        frame: Its picture; None if it is damaged.
        pts: Its time in units of the stream; None if the container has no times.
    """

    frame: VideoFrame | None
    pts: int | None


def prepare(stream: VideoStream, threads: int, max_pixels: int) -> None:
    """Set a decoder up, before its first packet.

    Args:
        stream: Of an open container.
        threads: CPU threads. They share a frame: with threads that each decode a frame of their
            own, an error does not say which one it is about.
        max_pixels: The decoder refuses larger frames.
    """
    context = stream.codec_context
    context.thread_type = "SLICE"
    context.thread_count = threads
    context.copy_opaque = True
    context.options = {"max_pixels": str(max_pixels)}
    if context.codec.name in _STRICT:
        context.options |= {"err_detect": "crccheck+explode"}


def decode(container: InputContainer, stream: VideoStream) -> Iterator[Decoded]:
    """Yield the frames in the order of their times, from where the container is.

    A frame is damaged if its packet or the decoder says so, or if it depends on a damaged one: a
    decoder that goes on after an error draws from what it had until the next key frame. Frames
    before the first key frame need frames that were cut off; they are left out, as by players.
    """
    damage = _Damage()
    held: deque[VideoFrame] = deque()
    for frames in _decoded_packets(container, stream, damage):
        held += frames
        while held and (len(held) > _MOST_HELD or damage.is_known(held[0])):
            yield from damage.judge(held.popleft())
    while held:
        yield from damage.judge(held.popleft())
    yield from damage.rest()


def _decoded_packets(
    container: InputContainer, stream: VideoStream, damage: "_Damage"
) -> Iterator[list[VideoFrame]]:
    """Yield what each packet adds; a demuxer that stops with an error ends the stream there."""
    in_ts = container.format.name == "mpegts"
    for packet, corrupt in _marked(_packets(container, stream, damage), in_ts=in_ts):
        packet.opaque = damage.begin(packet, corrupt=corrupt)
        try:
            frames = packet.decode()
        except av.FFmpegError:
            damage.add(packet.opaque, packet.pts)
            frames = []
        yield damage.seen(frames)
    try:
        yield damage.seen(stream.decode(None))
    except av.FFmpegError:  # of the last packets, which gave no picture
        damage.add_end()


def _packets(
    container: InputContainer, stream: VideoStream, damage: "_Damage"
) -> "Iterator[Packet[VideoStream]]":
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            damage.add_end()
            return
        if packet is None or (not packet.size and packet.dts is None):
            return
        if packet.size:  # none in AVI: the frame before goes on; to a decoder it would be the end
            yield packet


def _marked(
    packets: "Iterator[Packet[VideoStream]]", *, in_ts: bool
) -> "Iterator[tuple[Packet[VideoStream], bool]]":
    """Yield packets and whether the container says that they are damaged.

    FFmpeg cuts MPEG-TS into frames after it has noticed a loss, and so it may flag the frame before
    the damaged one. Where two such files were joined, their counters jump as if something had been
    lost; a key frame that goes back in time follows.
    """
    waiting: deque[Packet[VideoStream]] = deque()
    before = False
    for packet in chain(packets, (None,) * _JOIN):
        if packet is not None:
            waiting.append(packet)
        if waiting and (packet is None or len(waiting) > _JOIN):
            first = waiting.popleft()
            joined = any(one.is_keyframe and _is_earlier(one, first) for one in waiting)
            corrupt = first.is_corrupt and not joined
            yield first, corrupt or before
            before = corrupt and in_ts


def _is_earlier(packet: "Packet[VideoStream]", other: "Packet[VideoStream]") -> bool:
    return packet.dts is not None and other.dts is not None and packet.dts < other.dts


class _Damage:
    """Which frames are damaged; packets are counted in the order in which they are decoded."""

    def __init__(self) -> None:
        self._count = 0
        self._key = 0  # packet of the last key frame in the order of times
        self._first_key: tuple[int, int] | None = None  # packet and time of the first key frame
        self._damaged: dict[int, int | None] = {}  # packet -> its time
        self._lost: dict[int, int | None] = {}  # damaged packets that gave no frame
        self._waiting: set[int] = set()  # packets whose frame has not come
        self._ends_damaged = False

    def begin(self, packet: "Packet[VideoStream]", *, corrupt: bool) -> int:
        """Count a packet and return its number."""
        number, self._count = self._count, self._count + 1
        if not packet.is_discard:
            self._waiting.add(number)
        self._waiting.discard(number - 2 * _MOST_HELD)  # such packets have no frame
        if packet.is_keyframe and self._first_key is None:
            self._first_key = (number, packet.pts or 0)
        if corrupt:
            self._damaged[number] = packet.pts
        return number

    def add(self, number: int, pts: int | None) -> None:
        """Note that a packet cannot be decoded."""
        self._waiting.discard(number)
        if self._first_key is not None and (pts is None or pts >= self._first_key[1]):
            self._damaged[number] = self._lost[number] = pts

    def add_end(self) -> None:
        """Note that the stream ends with an error."""
        self._ends_damaged = True

    def seen(self, frames: list[VideoFrame]) -> list[VideoFrame]:
        """Note which frames have come and which of them are damaged; return them."""
        for frame in frames:
            number = _number(frame)
            self._waiting.discard(number)
            self._lost.pop(number, None)
            if frame.is_corrupt:
                self._damaged[number] = frame.pts
        return frames

    def is_known(self, frame: VideoFrame) -> bool:
        """Return whether all frames that it may depend on have come."""
        return not self._waiting or min(self._waiting) > _number(frame)

    def judge(self, frame: VideoFrame) -> Iterator[Decoded]:
        """Yield the lost frames before a frame, then the frame."""
        # Some decoders draw frames before the first key frame on gray.
        if self._first_key is None or _number(frame) < self._first_key[0]:
            return
        yield from self._lost_before(frame.pts)
        if frame.key_frame:
            self._begin_group(frame)
        bad = any(self._key <= one <= _number(frame) for one in self._damaged)
        yield Decoded(None if bad else frame, frame.pts)

    def rest(self) -> Iterator[Decoded]:
        """Yield the lost frames at the end."""
        yield from (Decoded(None, pts) for pts in self._lost.values())
        if self._ends_damaged:
            yield Decoded(None, None)

    def _begin_group(self, key: VideoFrame) -> None:
        """Forget the damage of frames on which a key frame and the frames behind it don't depend.

        These are the frames before it, also those that are decoded after it.
        """
        self._key = _number(key)
        self._damaged = {
            number: pts
            for number, pts in self._damaged.items()
            if number >= self._key and (pts is None or key.pts is None or pts >= key.pts)
        }
        self._waiting = {one for one in self._waiting if one >= self._key}

    def _lost_before(self, pts: int | None) -> Iterator[Decoded]:
        for number, lost in list(self._lost.items()):
            if lost is None or pts is None or lost < pts:
                del self._lost[number]
                yield Decoded(None, lost)


def _number(frame: VideoFrame) -> int:
    return frame.opaque if isinstance(frame.opaque, int) else 0
