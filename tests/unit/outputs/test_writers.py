"""Names of results, and the spool of the neutral baseline."""

import os
from pathlib import Path

import numpy as np
import pytest

from fau_tf.inference.estimator import Estimate
from fau_tf.io.images import Frame
from fau_tf.io.sources import Source, SourceKind, camera_source, find_sources
from fau_tf.outputs.spool import MedianSpool, from_line, to_line
from fau_tf.outputs.writers import picture_names, result_names
from tests.helpers.faces import TURNED, small_face


def test_results_are_named_after_their_sources():
    sources = [
        Source(SourceKind.PHOTO, "a/x.png", (Path("a/x.png"),)),
        Source(SourceKind.VIDEO, "b/x.mp4", (Path("b/x.mp4"),)),
        Source(SourceKind.PHOTO, "n.png", (Path("n" * 300 + ".png"),)),
        Source(SourceKind.PHOTOS, "in/", (Path("in/y.png"),)),
        Source(SourceKind.PHOTOS, "in/**/*.png", (Path("in/y.png"),), folder=Path("in")),
        Source(SourceKind.STDIN, "stdin"),
        camera_source(1),
    ]
    names = [path.name for path in result_names(sources, Path("out"))]
    assert names[:2] == ["x_au", "x_2_au"]
    assert names[2] == "n" * 220 + "_au"
    assert names[3:] == ["in_au", "in_2_au", "stdin_au", "camera1_au"]


@pytest.mark.parametrize(
    ("stem", "short"),
    [
        ("a" + "я" * 125, "a" + "я" * 109),  # 2 bytes each
        ("笑" * 80, "笑" * 73),  # 3
        ("\N{GRINNING FACE}" * 60, "\N{GRINNING FACE}" * 55),  # 4
        ("\udcff" * 230, "\udcff" * 220),  # no UTF-8
        ("é" * 110, "é" * 110),
    ],
)
def test_long_names_are_cut_between_characters(stem, short):
    source = Source(SourceKind.PHOTO, stem, (Path(f"{stem}.png"),))
    assert [path.name for path in result_names([source], Path("out"))] == [f"{short}_au"]


@pytest.mark.parametrize("ending", [".png", ".csv", ".jsonl", ".mp4", "_events.csv", "_elan.txt"])
def test_results_never_take_the_place_of_a_source(tmp_path, ending):
    sources = [
        Source(SourceKind.PHOTO, name, (tmp_path / name,)) for name in ("x.png", f"x_au{ending}")
    ]
    with pytest.raises(ValueError, match="is a source and must not be replaced"):
        result_names(sources, tmp_path)
    assert len(result_names(sources, tmp_path / "out")) == 2


@pytest.mark.parametrize("name", ["x.png", "x.avi"])
@pytest.mark.parametrize("place", ["in", "in/.", "in/**/x.*", "in/*"])
def test_results_never_go_among_what_a_folder_or_pattern_finds(tmp_path, monkeypatch, name, place):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    sources = find_sources([place])
    with pytest.raises(ValueError, match="is a source, so its results"):
        result_names(sources, tmp_path / "in")
    assert result_names(sources, Path("in/out"))[0].parent == Path("in/out")


def test_pictures_of_photos_never_take_the_place_of_a_source(tmp_path):
    names = ("in/a.png", "out/in_au/a_au.png")
    photos = Source(SourceKind.PHOTOS, "in", (tmp_path / names[0],), folder=Path("in"))
    earlier = Source(SourceKind.PHOTO, names[1], (tmp_path / names[1],))
    with pytest.raises(ValueError, match=r"in_au/a_au\.png is a source and must not be replaced"):
        result_names([photos, earlier], tmp_path / "out")
    assert len(result_names([photos, earlier], tmp_path / "new")) == 2


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (("../../pics/p.png", "pics/p_au.png"), ["pics/p_au", "proj/work/pics/p_au_au"]),
        (("../y.png", "../../b/in/a.png", "z.png"), ["proj/y_au", "b/in/a_au", "proj/work/z_au"]),
        (("/top/proj/a.png", "z.png", "deep/../b.png"), ["a_au", "work/z_au", "work/b_au"]),
        ((), []),
    ],
)
def test_pictures_of_a_list_stay_inside_the_results(monkeypatch, paths, found):
    monkeypatch.setattr(os, "getcwd", lambda: "/top/proj/work")
    source = Source(SourceKind.PHOTOS, "l.txt", tuple(map(Path, paths)))
    assert picture_names(source, Path("o/l_au")) == [Path("o/l_au") / name for name in found]


def test_pictures_of_a_folder_keep_its_folders_and_are_told_apart(tmp_path):
    names = ("a.png", "a.jpg", "deep/a.png")
    paths = tuple(tmp_path / name for name in names)
    found = picture_names(Source(SourceKind.PHOTOS, str(tmp_path), paths), Path("out/in_au"))
    assert found == [
        Path("out/in_au/a_au"),
        Path("out/in_au/a_2_au"),
        Path("out/in_au/deep/a_au"),
    ]


def test_the_spool_keeps_what_rows_need():
    face = small_face(sides={"AU06": (0.1, 4.9)}, eye_closure=0.25, smoothed={"AU06": 1.5})
    line = to_line(Frame(np.zeros((4, 4, 3), np.uint8), 1, 0.1, "x.mp4"), Estimate((face,)))
    (found,) = from_line(line)[1].faces
    names = ("sides", "eye_closure", "smoothed", "intensity", "box", "quality")
    assert [getattr(found, n) for n in names] == [getattr(face, n) for n in names]


def test_each_face_has_the_median_of_its_own_frames_as_neutral_baseline():
    levels = [(1.0, 0.0), (3.0, 0.5), (2.0, 5.0)]
    frames = [
        (small_face(intensity=dict(zip(("AU06", "AU12"), pair, strict=True))),) for pair in levels
    ]
    frames[0] += (small_face(4.0, face_id=1),)
    frames[1] += (small_face(float("nan"), face_id=2, quality=TURNED),)
    frames.append(())
    with MedianSpool() as spool:
        for number, faces in enumerate(frames, 1):
            image = np.zeros((4, 4, 3), np.uint8)
            spool.add(
                Frame(image, number, number / 10, "x.mp4"), Estimate(faces, "" if faces else "none")
            )
        found = list(spool.replay())
    assert [[face.above_neutral for face in estimate.faces] for _, estimate in found] == [
        [{"AU06": 0.0, "AU12": 0.0}, {"AU06": 0.0, "AU12": 0.0}],
        [{"AU06": 1.0, "AU12": 0.0}, None],
        [{"AU06": 0.0, "AU12": 4.5}],
        [],
    ]
    assert [(frame.number, frame.timestamp, frame.name) for frame, _ in found] == [
        (number, number / 10, "x.mp4") for number in (1, 2, 3, 4)
    ]
    assert found[3][1].reason == "none"
    before, after = frames[0][0], found[0][1].faces[0]
    assert (after.intensity, after.quality, after.box) == (
        before.intensity,
        before.quality,
        before.box,
    )
    np.testing.assert_array_equal(after.landmarks, before.landmarks)
