"""Pictures of frames: deinterlaced, square pixels, upright, right colors."""

import gc
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from PIL import Image

from fau_tf.inference.estimator import AUEstimator
from fau_tf.io.video.pictures import square_pixel_size, upright
from fau_tf.io.videos import VideoFile
from tests.helpers.media_files import (
    HEIGHT,
    WIDTH,
    add_video,
    as_frame,
    encoded,
    interlaced,
    pan,
    weave,
    write,
)

FINE = {"crf": "6", "x264-params": "log-level=none"}


def read(path):
    with VideoFile(path) as video:
        return [one.image for one in video.frames()]


def difference(picture, other):
    return np.abs(picture.astype(int) - other).mean()


PAL = (720, 576)
INTERLACED = {
    "H.264": ("x.mp4", "libx264", {"options": FINE}),
    "AVCHD": ("x.mts", "libx264", {"options": FINE, "rate": 25, "container": "mpegts"}),
    "MPEG-2": ("x.mpg", "mpeg2video", {"options": {"qmin": "1", "qmax": "2"}, "rate": 25}),
    "DV": ("x.avi", "dvvideo", {"rate": 25}),
    "ProRes": ("x.mov", "prores_ks", {"pixels": "yuv422p10le"}),
}


@pytest.fixture(scope="module")
def estimator():
    with AUEstimator(num_faces=1) as found:
        yield found


def au12(estimator, pictures):
    return np.array([estimator.estimate(one).faces[0].intensity["AU12"] for one in pictures])


@pytest.mark.parametrize("kind", INTERLACED)
def test_interlaced_video_is_read_as_the_frames_that_it_was_made_of(tmp_path, estimator, kind):
    name, codec, about = INTERLACED[kind]
    frames = pan(8)
    if kind == "DV":  # has one size
        frames = [np.array(Image.fromarray(one).resize(PAL)) for one in frames]
    path = write(tmp_path / name, weave(frames), codec, setup=interlaced, **about)
    found = read(path)
    if kind == "DV":  # with pixels of 16:15
        assert found[0].shape == (576, 768, 3)
        frames = [np.array(Image.fromarray(one).resize((768, 576))) for one in frames]
    assert len(found) == 4
    # A file says which field of a frame is the earlier one; that one is kept.
    halves = (frames[::2], frames[1::2])
    originals = min(halves, key=lambda half: difference(found[1], half[1]))
    for one, original in zip(found, originals, strict=True):
        # Codec and filter: at most 2.6 levels. The woven frames differ by 3.6.
        assert difference(one, original) < 3.0
    # Measured: at most 0.08 in the mean. A woven frame is off by up to 0.4.
    assert abs((au12(estimator, found) - au12(estimator, originals)).mean()) < 0.1


def test_the_second_video_does_not_get_the_pictures_of_the_first(tmp_path):
    first = write(tmp_path / "a.mp4", weave(pan(4)), setup=interlaced)
    other = [255 - one for one in pan(4)]
    second = write(tmp_path / "b.mp4", weave(other), setup=interlaced)
    with VideoFile(first) as one, VideoFile(second) as two:
        pairs = list(zip(one.frames(), two.frames(), strict=True))
    for (left, right), original in zip(pairs, pan(4)[::2], strict=True):
        assert difference(left.image, original) < 10
        assert difference(right.image, 255 - original) < 10


def test_frames_that_are_not_interlaced_are_the_same_beside_interlaced_ones(tmp_path):
    """Deinterlacing changes marked frames only, and each frame keeps its place."""
    plain = write(tmp_path / "plain.ts", pan(4), options={"g": "4"})
    woven = write(tmp_path / "woven.ts", weave(pan(8)), setup=interlaced)
    (tmp_path / "both.ts").write_bytes(woven.read_bytes() + plain.read_bytes())
    found = read(tmp_path / "both.ts")
    assert len(found) == 8
    for one, alone in zip(found[4:], read(plain), strict=True):
        np.testing.assert_array_equal(one, alone)


def aspect(ratio):
    def setup(stream):
        stream.codec_context.sample_aspect_ratio = ratio

    return setup


@pytest.mark.parametrize("ratio", [Fraction(64, 45), Fraction(3, 4)])
@pytest.mark.parametrize("name", ["x.mp4", "x.mkv"])
def test_pixels_become_square(tmp_path, ratio, name):
    size = (round(WIDTH / ratio), HEIGHT) if ratio > 1 else (WIDTH, round(HEIGHT * ratio))
    squeezed = [np.array(Image.fromarray(one).resize(size)) for one in pan(2)]
    even = [one[: size[1] // 2 * 2, : size[0] // 2 * 2] for one in squeezed]
    found = read(write(tmp_path / name, even, setup=aspect(ratio)))
    assert abs(found[0].shape[1] / found[0].shape[0] - WIDTH / HEIGHT) < 0.01
    back = np.array(Image.fromarray(pan(2)[0]).resize(found[0].shape[1::-1]))
    assert difference(found[0], back) < 5


@pytest.mark.parametrize(
    ("ratio", "size"),
    [(None, (10, 8)), (Fraction(1), (10, 8)), (Fraction(2), (20, 8)), (Fraction(1, 2), (10, 16))],
)
def test_no_side_gets_smaller(ratio, size):
    assert square_pixel_size(10, 8, ratio) == size


def test_a_size_that_changes_is_followed(tmp_path):
    small = [one[:256, :300] for one in pan(3)]
    for name, frames in (("a.ts", pan(3)), ("b.ts", small)):
        write(tmp_path / name, frames)
    whole = (tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes()
    (tmp_path / "x.ts").write_bytes(whole)
    found = read(tmp_path / "x.ts")
    assert [one.shape for one in found] == [(384, 448, 3)] * 3 + [(256, 300, 3)] * 3
    for one, original in zip(found, [*pan(3), *small], strict=True):
        assert difference(one, original) < 8


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_turned_and_mirrored_videos_are_shown_as_players_show_them(tmp_path, degrees, mirrored):
    def setup(stream):
        stream.set_display_rotation(degrees, hflip=mirrored)

    (found, *_) = read(write(tmp_path / "x.mp4", pan(2), setup=setup))
    # Counterclockwise; then mirrored.
    expected = np.rot90(pan(2)[0], degrees // 90)
    expected = expected[:, ::-1] if mirrored else expected
    assert difference(found, expected) < 8


def test_an_upright_picture_is_left_alone():
    picture = pan(1)[0]
    assert upright(picture, None) is picture
    unit = np.array([[65536, 0, 0], [0, 65536, 0], [0, 0, 1 << 30]], np.int32)
    assert upright(picture, unit.tobytes()) is picture


RED = np.full((64, 96, 3), (200, 40, 40), np.uint8)


@pytest.mark.parametrize(("space", "full"), [(1, False), (1, True), (5, False), (6, True)])
def test_marked_colors_are_right(tmp_path, space, full):
    """BT.709 is 1, BT.601 is 5 and 6; the range of levels is limited or full."""

    def setup(stream):
        stream.codec_context.colorspace = space
        stream.codec_context.color_range = 2 if full else 1

    frame = av.VideoFrame.from_ndarray(RED, "rgb24").reformat(
        format="yuv444p", dst_colorspace="itu709" if space == 1 else "itu601",
        dst_color_range=2 if full else 1, threads=1,
    )  # fmt: skip
    path = tmp_path / "x.mp4"
    with av.open(str(path), "w") as file:
        about = {"pixels": "yuv444p", "options": FINE, "setup": setup}
        stream = add_video(file, [RED], "libx264", **about)
        file.mux(encoded(stream, [frame]))
    np.testing.assert_allclose(read(path)[0].mean((0, 1)), RED[0, 0], atol=3)


@pytest.mark.parametrize(("size", "space"), [((1280, 720), "itu709"), ((640, 480), "itu601")])
def test_colors_without_a_mark_are_those_of_the_size(tmp_path, size, space):
    red = np.full((size[1], size[0], 3), RED[0, 0], np.uint8)
    frame = as_frame(red, "rgb24").reformat(format="yuv420p", dst_colorspace=space, threads=1)
    frame.colorspace = 2  # unspecified
    path = tmp_path / "x.mkv"
    with av.open(str(path), "w") as file:
        file.mux(encoded(add_video(file, [red], "libx264", options=FINE), [frame]))
    np.testing.assert_allclose(read(path)[0].mean((0, 1)), RED[0, 0], atol=3)


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv422p12le", "gray", "gray16le", "bgr0"])
def test_deep_gray_and_rgb_frames_are_read(tmp_path, pixels):
    found = read(write(tmp_path / "x.mkv", pan(2), "ffv1", pixels=pixels))
    original = pan(2)[0]
    if pixels.startswith("gray"):
        original = np.repeat((original @ np.array([0.299, 0.587, 0.114]))[..., None], 3, -1)
    # Subsampled colors; gray and RGB lose nothing but roundings.
    assert difference(found[0], original) < (3 if pixels.startswith("yuv") else 1)


def test_transparency_is_blended_with_white(tmp_path):
    half = np.dstack((RED, np.full(RED.shape[:2], 128, np.uint8)))
    frame = av.VideoFrame.from_ndarray(half, "rgba").reformat(format="argb", threads=1)
    path = tmp_path / "x.mov"
    with av.open(str(path), "w") as file:
        file.mux(encoded(add_video(file, [RED], "qtrle", pixels="argb"), [frame]))
    blended = RED[0, 0] * (128 / 255) + 255 * (127 / 255)
    np.testing.assert_allclose(read(path)[0].mean((0, 1)), blended, atol=1)


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_frames_look_like_the_standard_ones(tmp_path, transfer):
    """A gray ramp as PQ or HLG (ITU-R BT.2100), with a white of 203 cd/m2."""
    shown = np.linspace(10, 200, 24)  # levels of a standard screen, below the shoulder
    nits = 203 * (shown / 255) ** 2.4
    if transfer == 16:
        y = (nits / 10000) ** 0.1593017578125
        signal = ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375
    else:
        scene = (nits / 1000) ** (1 / 1.2)
        logarithm = np.log(np.maximum(12 * scene - 0.28466892, 1e-9))
        signal = np.where(scene <= 1 / 12, np.sqrt(3 * scene), 0.17883277 * logarithm + 0.55991073)
    luma = np.repeat(np.rint(64 + 876 * signal).astype(np.uint16)[None, :], 32, 0)
    luma = np.repeat(luma, 8, 1)
    frame = av.VideoFrame(192, 32, "yuv420p10le")
    frame.planes[0].update(rows(frame.planes[0], luma))
    for plane in frame.planes[1:]:
        plane.update(rows(plane, np.full((16, 96), 512, np.uint16)))

    def setup(stream):
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = 9, 9, transfer
        context.color_range = 1

    frame.colorspace, frame.color_primaries, frame.color_trc = 9, 9, transfer
    path = tmp_path / "x.mkv"
    with av.open(str(path), "w") as file:
        picture = np.zeros((32, 192, 3), np.uint8)
        stream = add_video(file, [picture], "ffv1", pixels="yuv420p10le", setup=setup)
        file.mux(encoded(stream, [frame]))
    (found,) = read(path)
    steps = found[16, 4::8]
    assert np.ptp(steps, axis=-1).max() <= 1  # gray stays gray
    # A step of 10-bit PQ is up to 0.8 levels here, and FFmpeg's conversion is off by one.
    np.testing.assert_allclose(steps.mean(-1), shown, atol=2)


def rows(plane, values):
    """Return the bytes of a plane: rows of 16-bit values, padded."""
    padded = np.zeros((plane.height, plane.line_size // 2), np.uint16)
    padded[:, : values.shape[1]] = values
    return padded.tobytes()


def frames_in_memory():
    return sum(isinstance(one, VideoFrame) for one in gc.get_objects())


def test_frames_are_freed_without_the_garbage_collector(tmp_path):
    path = write(tmp_path / "x.mp4", pan(3) * 20)
    gc.collect()
    before = frames_in_memory()
    gc.disable()
    try:
        with VideoFile(path) as video:
            assert sum(1 for _ in video.frames()) == 60
        left = frames_in_memory() - before
    finally:
        gc.enable()
    # The first frame, whose side data was read, and what decoders and filters hold.
    assert left < 10
