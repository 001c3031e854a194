"""Names of sources: files, folders, patterns, stdin, cameras."""

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fau_tf.io.images import Frame, UnreadFrame
from fau_tf.io.sources import (
    Source,
    SourceKind,
    camera_source,
    find_sources,
    open_frames,
    read_source_list,
)
from tests.helpers.face_videos import PHOTO, frame, write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    folder = tmp_path_factory.mktemp("video")
    return write_video(folder / "x.avi", [frame()] * 3).read_bytes()


@pytest.fixture
def tree(tmp_path, video):
    """A folder of photos, a video and other files."""
    for name in ("b.png", "a.jpg", "deep/c.PNG", "deep/deeper/d.jpeg"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PHOTO.read_bytes())
    (tmp_path / "in/clip.mp4").write_bytes(video)
    (tmp_path / "in/no_ending").write_bytes(PHOTO.read_bytes())
    (tmp_path / "in/notes.txt").write_text("nothing")
    os.mkfifo(tmp_path / "in" / "pipe")
    (tmp_path / "in/deep/up").symlink_to(tmp_path / "in")
    return tmp_path / "in"


def relative(source, folder):
    return [str(path.relative_to(folder)) for path in source.paths]


def test_a_folder_is_its_photos_sorted_and_each_of_its_videos(tree):
    photos, clip = find_sources([str(tree)])
    assert photos.kind is SourceKind.PHOTOS
    found = relative(photos, tree)
    assert found == ["a.jpg", "b.png", "deep/c.PNG", "deep/deeper/d.jpeg", "no_ending"]
    assert (clip.kind, clip.paths) == (SourceKind.VIDEO, (tree / "clip.mp4",))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("", ["a.jpg", "b.png", "deep/c.PNG", "deep/deeper/d.jpeg", "no_ending"]),
        ("*.png", ["b.png"]),
        ("dee*", ["deep/c.PNG", "deep/deeper/d.jpeg"]),
        ("**", ["a.jpg", "b.png", "deep/c.PNG", "deep/deeper/d.jpeg", "no_ending"]),
        ("._*", ["._b.png"]),
        ("._b.png", ["._b.png"]),
    ],
)
def test_hidden_files_are_left_out_unless_they_are_named(tree, name, found):
    (tree / "._b.png").write_bytes(PHOTO.read_bytes())
    (tree / "deep" / "._c.PNG").write_bytes(b"\0\5\x16\7")  # of macOS: no picture
    (tree / ".partial-x.mp4").write_bytes((tree / "clip.mp4").read_bytes())
    for unwanted in ("notes.txt", "pipe", "deep/up"):
        (tree / unwanted).unlink()
    sources = find_sources([str(tree / name)])
    assert relative(sources[0], tree) == found
    assert not any(".partial" in source.name for source in sources)


def test_a_folder_without_read_permission_is_unread_and_not_skipped(tree, monkeypatch):
    """Simulated, because root may read every folder."""
    scan = os.scandir

    def scandir(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    for name in (str(tree), str(tree / "dee*"), str(tree / "deep")):
        photos = find_sources([name])[0]
        with open_frames(photos) as stream:
            unread = [one.name for one in stream.frames if isinstance(one, UnreadFrame)]
        assert unread == [str(tree / "deep")]


def test_results_inside_a_folder_are_left_out(tree):
    photos, _ = find_sources([str(tree)], skip=tree / "deep")
    assert relative(photos, tree) == ["a.jpg", "b.png", "no_ending"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.png", ["b.png"]),
        ("?.*", ["a.jpg", "b.png"]),
        ("**/*.jp*g", ["a.jpg", "deep/deeper/d.jpeg"]),
        ("deep/*", ["deep/c.PNG", "deep/deeper/d.jpeg"]),
        ("[ab].*", ["a.jpg", "b.png"]),
        ("*/deeper/**", ["deep/deeper/d.jpeg"]),
    ],
)
def test_a_pattern_gives_the_matching_photos(tree, pattern, found):
    (photos,) = find_sources([str(tree / pattern)])
    assert photos.kind is SourceKind.PHOTOS
    assert relative(photos, tree) == found


@pytest.mark.parametrize(
    ("out", "pattern"),
    [
        *(("out", pattern) for pattern in ("*", "**", "**/*", "**/*.*", "*/*", "[a-z]*")),
        *(("deep/out", pattern) for pattern in ("*", "**", "**/*.png", "deep/*", "d*/*")),
    ],
)
def test_results_that_a_pattern_matches_are_left_out(tree, monkeypatch, out, pattern):
    (tree / out).mkdir()
    (tree / out / "b_au.png").write_bytes(PHOTO.read_bytes())
    monkeypatch.chdir(tree)
    for start in ("", f"{tree}/"):
        without = find_sources([start + pattern], skip=Path(out))[0].paths
        every = find_sources([start + pattern])[0].paths
        results = {path for path in every if "out" in path.parts}
        assert results
        assert without
        assert set(without) == set(every) - results


def test_a_pattern_of_nothing_but_results_matches_nothing(tree):
    (found,) = find_sources([str(tree / "dee*")], skip=tree / "deep")
    assert (found.kind, found.paths) == (SourceKind.PHOTO, (tree / "dee*",))


def test_a_pattern_inside_the_results_reads_them(tree):
    (photos,) = find_sources([str(tree / "deep" / "*.PNG")], skip=tree / "deep")
    assert relative(photos, tree) == ["deep/c.PNG"]


def test_patterns_do_not_follow_link_cycles(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    # Following these two links gives 2 ** 40 paths before the system stops.
    (tmp_path / "a" / "x").symlink_to(tmp_path)
    (tmp_path / "b" / "x").symlink_to(tmp_path)
    (tmp_path / "a" / "p.png").write_bytes(PHOTO.read_bytes())
    (photos,) = find_sources([str(tmp_path / "**" / "*.png")])
    assert relative(photos, tmp_path) == ["a/p.png"]


def test_a_name_that_exists_is_no_pattern(tmp_path):
    path = tmp_path / "a[1]*.png"
    path.write_bytes(PHOTO.read_bytes())
    (found,) = find_sources([str(path)])
    assert (found.kind, found.paths) == (SourceKind.PHOTO, (path,))


def test_the_first_bytes_decide_the_kind_of_a_file(tmp_path, video):
    (tmp_path / "x.mp4").write_bytes(PHOTO.read_bytes())
    (tmp_path / "x.png").write_bytes(video)
    photo, film = find_sources([str(tmp_path / "x.mp4"), str(tmp_path / "x.png")])
    assert photo.kind is SourceKind.PHOTO
    assert film.kind is SourceKind.VIDEO


def test_the_ending_decides_the_kind_of_other_files(tmp_path):
    for name in ("x.mp4", "x.png", "x.txt"):
        (tmp_path / name).write_text("hello")
    names = [str(tmp_path / name) for name in ("x.mp4", "x.png", "x.txt", "none.mkv", "none*")]
    kinds = [source.kind for source in find_sources(names)]
    assert kinds == [
        SourceKind.VIDEO,
        SourceKind.PHOTO,
        SourceKind.PHOTO,
        SourceKind.VIDEO,
        SourceKind.PHOTO,
    ]


@pytest.mark.parametrize("name", ["n" * 300, "x\0.png", "loop", "file/inside", "\udce9*"])
def test_missing_files_become_sources_that_fail(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("no folder")
    (source,) = find_sources([name])
    with open_frames(source) as stream:
        (found,) = stream.frames
    assert isinstance(found, UnreadFrame)
    assert "cannot be opened: " in found.reason


def test_photos_are_numbered_frames_and_damaged_ones_are_unread(tmp_path):
    Image.new("RGB", (4, 3), "red").save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(PHOTO.read_bytes()[:5000])
    Image.new("RGB", (5, 3), "red").save(tmp_path / "c.png")
    with open_frames(*find_sources([str(tmp_path)])) as stream:
        first, second, third = stream.frames
        assert stream.count == 3
    assert (first.number, first.timestamp, first.name) == (1, 0.0, str(tmp_path / "a.png"))
    assert isinstance(second, UnreadFrame)
    assert (second.number, second.name) == (2, str(tmp_path / "b.png"))
    assert (third.number, third.image.shape) == (3, (3, 5, 3))


def stream_of(*colors, kind="JPEG"):
    content = BytesIO()
    for color in colors:
        one = BytesIO()
        Image.new("RGB", (20, 10), color).save(one, kind)
        content.write(one.getvalue())
    return content


def test_images_on_stdin_are_frames_with_timestamps():
    (source,) = find_sources(["-"])
    assert source == Source(SourceKind.STDIN, "stdin")
    content = stream_of("red", "lime", "blue").getvalue()
    with open_frames(source, fps=10.0, stdin=BytesIO(content)) as stream:
        found = list(stream.frames)
    assert [(one.number, one.timestamp) for one in found] == [(1, 0.0), (2, 0.1), (3, 0.2)]
    assert {one.name for one in found} == {source.name}
    peaks = [int(one.image.mean(axis=(0, 1)).argmax()) for one in found]
    assert peaks == [0, 1, 2]
    with open_frames(source, every=2, fps=10.0, stdin=BytesIO(content)) as stream:
        assert stream.fps == 5.0
        assert [one.number for one in stream.frames] == [1, 3]


def test_a_damaged_image_on_stdin_is_unread_and_the_next_is_read():
    content = bytearray(stream_of("red", kind="PNG").getvalue())
    content[45] ^= 0xFF  # in the compressed data
    content += stream_of("blue").getvalue()
    with open_frames(Source(SourceKind.STDIN, "stdin"), stdin=BytesIO(content)) as stream:
        broken, whole = stream.frames
    assert isinstance(broken, UnreadFrame)
    assert broken.reason.startswith("stdin, image 1: the image is damaged")
    assert broken.name == "stdin"
    assert isinstance(whole, Frame)
    np.testing.assert_allclose(whole.image.mean(axis=(0, 1)), (0, 0, 255), atol=3)  # JPEG's loss


def test_a_camera_is_a_source():
    assert camera_source(2) == Source(SourceKind.CAMERA, "camera2", index=2)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_names_files_from_its_folder_and_from_the_current_one(
    tree, tmp_path, monkeypatch, encoding, end
):
    monkeypatch.chdir(tmp_path)  # holds in/
    names = ["a.jpg", "in/b.png", "deep\\c.PNG", str(tree / "no_ending"), "", "clip.mp4"]
    (tree / "list.txt").write_bytes(end.join(names).encode(encoding))
    photos, clip = read_source_list(tree / "list.txt")
    found = [path.resolve().relative_to(tree) for path in photos.paths]
    assert list(map(str, found)) == ["a.jpg", "b.png", "deep/c.PNG", "no_ending"]
    assert clip.kind is SourceKind.VIDEO
    with open_frames(photos) as stream:
        assert all(isinstance(one, Frame) for one in stream.frames)


def test_a_list_that_can_not_be_read_says_why(tree, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").write_bytes(PHOTO.read_bytes())
    for content, message in (
        ("b.png\na.jpg", r"list\.txt, line 2: a\.jpg may be .* Write the absolute path\."),
        ("b.png".encode("utf-16-le"), r"list\.txt holds null bytes, .*Save it as UTF-8\."),
    ):
        content = content.encode() if isinstance(content, str) else content
        (tree / "list.txt").write_bytes(content)
        with pytest.raises(ValueError, match=f"^--list: .*{message}"):
            read_source_list(tree / "list.txt")
    with pytest.raises(ValueError, match=r"none cannot be read: No such file .*Check the path\."):
        read_source_list(tree / "none")


def test_a_missing_file_of_a_list_is_unread_by_its_name(tree):
    (tree / "list.txt").write_text("a.jpg\nnone.jpg\n")
    (photos,) = read_source_list(tree / "list.txt")
    with open_frames(photos) as stream:
        first, second = stream.frames
    assert isinstance(first, Frame)
    assert second.reason.startswith("none.jpg: cannot be opened: No such file")
