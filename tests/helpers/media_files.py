"""Video files of many kinds, made by PyAV from the sample photo; no other program is needed."""

import random
from fractions import Fraction
from functools import cache

import av
import numpy as np
from av.codec.context import Flags
from PIL import Image

from tests.helpers.face_videos import PHOTO

WIDTH, HEIGHT, RATE = 448, 384, 10
FAST = {
    "libx264": {"preset": "veryfast", "x264-params": "log-level=none"},
    "libx265": {"preset": "veryfast", "x265-params": "log-level=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "12"},
}
"""Encoder -> options: silent, and quick."""


@cache
def pan(count, step=2):
    """Return frames in which the camera pans slowly over the photo, (384, 448, 3) uint8."""
    photo = Image.open(PHOTO).convert("RGB").resize((512, 512), Image.Resampling.LANCZOS)
    views = [photo.crop((step * i, i, step * i + 440, i + 380)) for i in range(count)]
    size = (WIDTH, HEIGHT)
    return [np.array(one.resize(size, Image.Resampling.LANCZOS)) for one in views]


def weave(frames):
    """Return half as many interlaced frames: the upper field of one, the lower of the next."""
    woven = []
    for upper, lower in zip(frames[::2], frames[1::2], strict=True):
        both = upper.copy()
        both[1::2] = lower[1::2]
        woven.append(both)
    return woven


def interlaced(stream):
    """Encode a stream as interlaced."""
    stream.codec_context.flags |= Flags.interlaced_dct | Flags.interlaced_me


def add_video(container, frames, codec, pixels=None, rate=RATE, options=None, setup=None):
    """Return a new stream of a container, for frames of one size."""
    stream = container.add_stream(codec, rate=rate, options=FAST.get(codec, {}) | (options or {}))
    stream.width, stream.height = frames[0].shape[1], frames[0].shape[0]
    stream.pix_fmt = pixels or ("yuvj420p" if codec == "mjpeg" else "yuv420p")
    stream.codec_context.thread_count = 1  # the same bytes on every machine
    if setup:
        setup(stream)
    return stream


def encoded(stream, frames, times=None, rate=RATE, first=0):
    """Yield the packets of frames; times in ms, else one frame after the other."""
    for i, picture in enumerate(frames, first):
        frame = as_frame(picture, stream.pix_fmt)
        frame.pts = i if times is None else times[i]
        frame.time_base = Fraction(1, rate) if times is None else Fraction(1, 1000)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def as_frame(picture, pixels):
    """Return a picture as a video frame, in the colors of SD video."""
    if isinstance(picture, av.VideoFrame):
        return picture
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
    return frame.reformat(format=pixels, dst_colorspace="itu601", threads=1)


def write(path, frames, codec="libx264", *, container=None, options=None, muxing=None, **about):
    """Write frames as a video and return its path."""
    times, rate = about.pop("times", None), about.get("rate", RATE)
    with av.open(str(path), "w", container, muxing or {}) as file:
        stream = add_video(file, frames, codec, options=options, **about)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        file.mux(encoded(stream, frames, times, rate))
    return path


def add_sound(container, seconds, codec="aac", first=0.0):
    """Add a tone from a time on to a container, and return its packets."""
    stream = container.add_stream(codec, rate=48000, layout="mono")
    packets = []
    wave = 0.2 * np.sin(np.arange(round(seconds * 48000)) * 2 * np.pi * 440 / 48000)
    for at in range(0, len(wave), 1024):
        part = wave[None, at : at + 1024].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(part, "fltp", "mono")
        frame.sample_rate, frame.time_base = 48000, Fraction(1, 48000)
        frame.pts = at + round(first * 48000)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def write_with_sound(path, count, seconds, *, late=0.0, codec="aac"):
    """Write frames of `pan` and a tone; the picture starts `late` seconds after it."""
    with av.open(str(path), "w") as file:
        stream = add_video(file, pan(count), "libx264")
        sound = add_sound(file, seconds, codec)
        picture = encoded(stream, pan(count), first=round(late * RATE))
        file.mux(sorted([*picture, *sound], key=lambda one: one.dts * one.time_base))
    return path


def copy_packets(source, path, *, start=0.0, skip=0):
    """Copy the packets of a video without encoding it anew; return the path.

    Args:
        source: The video.
        path: The copy.
        start: Seconds; the copy begins at the key frame before, as with `ffmpeg -ss`.
        skip: Number of packets to leave out.
    """
    with av.open(str(source)) as inside, av.open(str(path), "w") as outside:
        stream = inside.streams.video[0]
        copy = outside.add_stream_from_template(stream)
        offset = round(start / stream.time_base)
        if start:
            inside.seek(offset, stream=stream)
        packets = [one for one in inside.demux(stream) if one.dts is not None]
        for packet in packets[skip:]:
            packet.pts, packet.dts = packet.pts - offset, packet.dts - offset
            packet.stream = copy
            outside.mux(packet)
    return path


def with_damage(path, packet, to, size=300):
    """Copy a file with random bytes inside a packet of its video; return the new path."""
    with av.open(str(path)) as file:
        found = [(one.pos, one.size) for one in file.demux(file.streams.video[0]) if one.size]
    at, length = found[packet]
    content = bytearray(path.read_bytes())
    start = at + length // 3
    stop = min(at + length, start + size)
    content[start:stop] = random.Random(1).randbytes(stop - start)
    to.write_bytes(content)
    return to


def cut_short(path, share, to):
    """Copy the first bytes of a file; return the new path."""
    content = path.read_bytes()
    to.write_bytes(content[: int(len(content) * share)])
    return to
