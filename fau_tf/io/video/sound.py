"""The sound of a video file, encoded into another one."""

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from fau_tf.io.frames import UnreadableError
from fau_tf.io.images import open_regular
from fau_tf.io.video.containers import HEAD_BYTES
from fau_tf.io.video.opening import open_container

_RATE: Final = 48_000  # Hz
_BIT_RATE: Final = 128_000


class SoundTrack(AbstractContextManager["SoundTrack"]):
    """Encodes the first sound of a file into a container, as AAC; use it in a `with` block.

    Sound is an extra: what cannot be read of it is left out, without an error.
    """

    def __init__(self, source: Path, target: OutputContainer) -> None:
        """Open the sound and add a stream to the target; nothing happens if there is no sound.

        Args:
            source: A video file.
            target: A container before its first packet.
        """
        self._target = target
        self._container: InputContainer | None = None
        self._descriptor = -1
        try:
            self._descriptor = open_regular(source)
            head = os.read(self._descriptor, HEAD_BYTES)
            self._container = open_container(self._descriptor, head, source)
        except UnreadableError:
            self.close()
            return
        self._start = (self._container.start_time or 0) / av.time_base
        streams = [one for one in self._container.streams.audio if one.codec_context is not None]
        if not streams:
            self.close()
            return
        layout = "mono" if streams[0].channels == 1 else "stereo"
        self._stream: AudioStream = target.add_stream(
            "aac", rate=_RATE, layout=layout, bit_rate=_BIT_RATE
        )
        self._packets = self._container.demux(streams[0])
        self._reached = 0.0

    def copy_until(self, seconds: float) -> None:
        """Write the sound up to a time from the start of the source."""
        try:
            while self._container is not None and self._reached < seconds:
                self._copy_packet()
        except (av.FFmpegError, ValueError):  # ValueError: the layout changes
            self.close()

    def finish(self) -> None:
        """Write what the encoder holds back."""
        if self._container is not None:
            self.close()
            self._target.mux(self._stream.encode(None))

    def _copy_packet(self) -> None:
        packet = next(self._packets)
        try:
            frames = packet.decode()
        except av.FFmpegError:
            return
        for frame in frames:
            self._encode(frame)
        if not packet.size and packet.dts is None:
            self.finish()

    def _encode(self, frame: AudioFrame) -> None:
        if frame.pts is not None and frame.time_base:
            frame.pts -= round(self._start / frame.time_base)
            self._reached = float(frame.pts * frame.time_base)
        self._target.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Stop reading; a second call does nothing."""
        if self._container is not None:
            self._container.close()
            self._container = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __exit__(self, *_: object) -> None:
        self.close()
