"""From decoded frames to upright RGB pictures with square pixels."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final, cast

import av
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from fau_tf.face.align import Image
from fau_tf.io.video.hdr import to_sdr, wide_color

_UNSPECIFIED: Final = 2  # color space, in H.273
_HD: Final = (1280, 576)  # px: wider or higher pictures are HD, whose colors are those of BT.709
_TIME_BASE: Final = Fraction(1, 1000)  # of the deinterlacer, which needs one


class Deinterlacer:
    """Replaces interlaced frames by whole ones (FFmpeg's bwdif); others pass unchanged.

    A frame comes out once the next one is known, so one more comes at `end`.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._layout: tuple[int, int, str] | None = None
        self._count = 0

    def add(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Yield the frames that are complete with this one."""
        layout = (frame.width, frame.height, frame.format.name)
        if self._graph is not None and layout != self._layout:
            yield from self.end()
        if self._graph is None:
            if not frame.interlaced_frame:
                yield frame
                return
            self._graph, self._layout = _bwdif(frame), layout
        yield from self._pushed(self._graph, frame)

    def end(self) -> Iterator[VideoFrame]:
        """Yield the last frame, if one is left; what follows does not depend on what was before."""
        if self._graph is not None:
            graph, self._graph = self._graph, None
            yield from self._pushed(graph, None)

    def _pushed(self, graph: Graph, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        if frame is not None:
            # Only the order matters here, and a container may have no times.
            frame.pts, frame.time_base = self._count, _TIME_BASE
            self._count += 1
        graph.vpush(frame)
        while True:
            try:
                yield graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return


def _bwdif(frame: VideoFrame) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=_TIME_BASE
    )
    # A frame for each frame, and only for those that are marked as interlaced.
    filtered = graph.add("bwdif", "mode=send_frame:deint=interlaced")
    graph.link_nodes(source, filtered, graph.add("buffersink")).configure()
    return graph


class PictureConverter:
    """Converts frames to pictures."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._shown: tuple[int, int, int] | None = None
        self._matrix: bytes | None = None

    def __call__(self, frame: VideoFrame, size: tuple[int, int]) -> Image:
        """Return a picture, (H, W, 3) RGB uint8: upright, with square pixels, in sRGB.

        Args:
            frame: Of any pixel format.
            size: Width and height, px, from `square_pixel_size`.

        Raises:
            av.FFmpegError: If the pixel format can't be converted.
        """
        wide = wide_color(frame.color_primaries, frame.color_trc)
        alpha = any(component.is_alpha for component in frame.format.components)
        kind = "rgb48le" if wide else "rgba" if alpha else "rgb24"
        converted = self._reformatter.reformat(
            frame,
            *size,
            kind,
            src_colorspace=_color_space(frame),
            interpolation=Interpolation.BICUBIC,
            threads=1,
        )
        pixels: Any = converted.to_ndarray()
        if wide:
            pixels = to_sdr(pixels, wide)
        elif alpha:
            pixels = _on_white(pixels)
        return upright(pixels, self._display_matrix(frame))

    def _display_matrix(self, frame: VideoFrame) -> bytes | None:
        """Return how the frame is turned; read anew where its rotation or size changes.

        A frame and its `side_data` refer to each other. Read of every frame, they leave the frames
        to the garbage collector, which comes too late: memory grew by 2 MiB a minute.
        """
        shown = (frame.rotation, frame.width, frame.height)
        if shown != self._shown:
            self._shown = shown
            data = cast(Mapping[Any, Any], frame.side_data).get(SideDataType.DISPLAYMATRIX)
            self._matrix = None if data is None else bytes(data)
        return self._matrix


def square_pixel_size(width: int, height: int, aspect: Fraction | None) -> tuple[int, int]:
    """Return the size, px, at which pixels are square; no side gets smaller.

    Args:
        width: Stored columns.
        height: Stored rows.
        aspect: Width of a pixel over its height; None if unknown.
    """
    if not aspect or aspect <= 0:
        return width, height
    if aspect > 1:
        return round(width * aspect), height
    return width, round(height / aspect)


def upright(picture: Image, matrix: bytes | None) -> Image:
    """Return a picture turned and mirrored as a display matrix, nine int32, says."""
    if matrix is None:
        return np.ascontiguousarray(picture)
    # Row i of the matrix says where the axis i of the stored picture points on the screen.
    (a, b), (c, d) = np.frombuffer(matrix, np.int32).reshape(3, 3)[:2, :2].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        across, down = a, d
    else:
        picture, across, down = picture.transpose(1, 0, 2), c, b
    picture = picture[:, ::-1] if across < 0 else picture
    return np.ascontiguousarray(picture[::-1] if down < 0 else picture)


def _color_space(frame: VideoFrame) -> Colorspace | None:
    """Return what FFmpeg would guess wrong: it takes all frames without a mark for SD."""
    hd = frame.width >= _HD[0] or frame.height > _HD[1]
    return Colorspace.ITU709 if hd and frame.colorspace == _UNSPECIFIED else None


def _on_white(rgba: Image) -> Image:
    alpha = rgba[..., 3:].astype(np.uint16)
    blended = rgba[..., :3] * alpha + 255 * (255 - alpha)
    whole: Image = ((blended + 127) // 255).astype(np.uint8)
    return whole
