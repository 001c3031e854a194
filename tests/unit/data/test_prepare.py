"""Trees in each data set's own format -> records, with the labels they were written with."""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf

from fau_tf import facs
from fau_tf.data.adapters import prepare as prepare_module
from fau_tf.data.adapters.clips import printable
from fau_tf.data.adapters.prepare_clip import ClipJob, prepare_clip
from fau_tf.data.adapters.registry import DATASETS, index_dataset
from fau_tf.data.config import DataSettings
from fau_tf.data.tfrecord import parse
from fau_tf.utils.files import lock_folder
from tests.helpers import dataset_trees as trees

SIZE = 80


def settings(kind, root, **more):
    return DataSettings(dataset=kind, root=str(root), record_size=SIZE, processes=1, **more)


def prepared(kind, root, folder, **more):
    return prepare_module.prepare(settings(kind, root, **more), folder, log=lambda _: None)


def rows_of(done):
    files = sorted(done.folder.glob("*.tfrecord"))
    return [
        {name: value.numpy() for name, value in parse(raw).items()}
        for raw in tf.data.TFRecordDataset([str(file) for file in files])
    ]


def labels_of(row):
    values = dict(zip(facs.ALL, row["intensity"].tolist(), strict=True))
    return {au: value for au, value in values.items() if np.isfinite(value)}


def check(done, truth):
    found = {}
    for row in rows_of(done):
        clip, _, number = row["source"].decode().rpartition("#")
        found[row["subject"].decode(), clip, int(number)] = labels_of(row)
    assert found == {key: {au: float(v) for au, v in value.items()} for key, value in truth.items()}
    assert len(found) > 0
    assert done.records == len(found)


@pytest.mark.parametrize(
    ("kind", "write", "more"),
    [
        ("disfa", trees.disfa, {}),
        ("disfa", lambda root: trees.disfa(root, spelling=1), {}),
        ("disfa_plus", trees.disfa_plus, {}),
        ("bp4d", trees.bp4d, {}),
        ("fera2015", lambda root: trees.bp4d(root, fera=True), {}),
        ("fera2017", trees.fera2017, {}),
    ],
)
def test_each_format_becomes_records_with_its_labels(tmp_path, kind, write, more):
    truth = write(tmp_path / "in")
    done = prepared(kind, tmp_path / "in", tmp_path / "out", **more)
    check(done, truth)
    assert done.undocumented == []
    assert done.index.warnings == []
    assert done.subjects == tuple(sorted({subject for subject, *_ in truth}))


@pytest.mark.parametrize("film", [False, True])
def test_a_csv_of_ones_own(tmp_path, film):
    truth = trees.csv_list(tmp_path / "in", film=film)
    done = prepared("csv", tmp_path / "in" / "faces.csv", tmp_path / "out")
    found = {}
    for row in rows_of(done):
        found[row["subject"].decode(), int(row["source"].decode().rpartition("#")[2])] = labels_of(
            row
        )
    # Pictures of different people lie in one folder; they are numbered by person.
    assert found == {key: {au: float(v) for au, v in value.items()} for key, value in truth.items()}
    assert done.dropped == []


def test_the_reference_codes_list(tmp_path):
    truth = trees.json_list(tmp_path / "in")
    done = prepared("json_list", tmp_path / "in" / "list.json", tmp_path / "out")
    check(done, truth)


def inner(points):
    return np.delete(points, [*range(17), 60, 64], axis=0)


@pytest.mark.parametrize(("kind", "write"), [("disfa", trees.disfa), ("bp4d", trees.bp4d)])
def test_own_landmarks_are_those_of_the_data_set(tmp_path, kind, write):
    truth = write(tmp_path / "in", own=True)
    done = prepared(kind, tmp_path / "in", tmp_path / "out", landmarks="dataset")
    check(done, truth)
    by_name = {row["source"].decode(): row["landmarks"] for row in rows_of(done)}
    assert len(by_name) == len(truth)
    people = sorted({subject for subject, *_ in truth})
    from fau_tf.data.record import MARGIN
    from fau_tf.face.align import crop_matrix, transform

    for subject, clip, number in truth:
        points = trees.landmarks(people.index(subject))
        want = transform(crop_matrix(points, SIZE, margin=MARGIN), points)
        # Stored in float32; the inner mouth corners and BP4D's jaw are made up.
        np.testing.assert_allclose(inner(by_name[f"{clip}#{number}"]), inner(want), atol=1e-3)
        jaw = np.abs(by_name[f"{clip}#{number}"] - want)[:17].max()
        assert jaw < (1e-3 if kind == "disfa" else 0.15 * SIZE)


def test_mediapipe_finds_the_landmarks_where_they_are(tmp_path):
    trees.bp4d(tmp_path / "in", subjects=("F001",))
    [row, *_] = rows_of(prepared("bp4d", tmp_path / "in", tmp_path / "out"))
    from fau_tf.data.record import MARGIN
    from fau_tf.face.align import crop_matrix, transform

    points = trees.landmarks(0)
    want = transform(crop_matrix(points, SIZE, margin=MARGIN), points)
    # Its points differ from the renderer's by 4 % of the eye distance on average (docs/reference/face.md).
    assert np.abs(row["landmarks"] - want)[17:].mean() < 0.05 * SIZE
    image = tf.io.decode_jpeg(row["image"]).numpy()
    assert image.shape == (SIZE, SIZE, 3)
    assert image.std() > 10


def test_frames_that_disfas_error_log_names_are_dropped_with_own_landmarks_only(tmp_path):
    trees.disfa(tmp_path, subjects=("SN004",), frames=1)
    folder = tmp_path / "ActionUnit_Labels" / "SN004"
    for au in facs.DISFA:
        lines = [f"{n},0\n" for n in range(4538, 4546)]
        (folder / f"SN004_au{au}.txt").write_text("".join(lines))
    [clip] = index_dataset(settings("disfa", tmp_path)).clips
    assert clip.frames.tolist() == list(range(4538, 4546))
    place = tmp_path / "Landmark_Points" / "SN004" / "frame_lm"
    place.mkdir(parents=True)
    for n in range(4538, 4546):
        (place / f"SN004_{n - 1:04d}_lm.mat").write_bytes(b"")
    index = index_dataset(settings("disfa", tmp_path, landmarks="dataset"))
    assert index.clips[0].frames.tolist() == [4538, 4539, 4540]
    assert [(one.ranges, one.documented) for one in index.dropped] == [("4541-4545", True)]


def test_the_frame_that_disfa_lacks_is_documented(tmp_path):
    trees.disfa(tmp_path, subjects=("SN010",), frames=1)
    for au in facs.DISFA:
        path = tmp_path / "ActionUnit_Labels" / "SN010" / f"SN010_au{au}.txt"
        path.write_text("4844,1\n4845,2\n")
    index = index_dataset(settings("disfa", tmp_path))
    assert index.clips[0].frames.tolist() == [4844]
    assert [(one.ranges, one.documented) for one in index.dropped] == [("4845", True)]


def test_disfas_error_log_leaves_the_published_number_of_frames():
    from fau_tf.data.adapters.disfa import BAD_LANDMARKS, MISSING_FRAMES, SUBJECTS

    total = 4845 * len(SUBJECTS)
    total -= sum(b - a + 1 for rows in MISSING_FRAMES.values() for a, b in rows)
    assert total == DATASETS["disfa"].frames == 130_814
    total -= sum(b - a + 1 for rows in BAD_LANDMARKS.values() for a, b in rows)
    assert total == 126_144


def test_nine_is_unknown_in_bp4d_and_an_error_in_disfa(tmp_path):
    trees.bp4d(tmp_path / "bp4d", subjects=("F001",))
    path = tmp_path / "bp4d" / "AUCoding/AU_INT/AU10/F001_T1_AU10.csv"
    path.write_text("336,9\n337,2\n338,3\n")
    index = index_dataset(settings("bp4d", tmp_path / "bp4d"))
    assert index.clips[0].frames.tolist() == [337, 338]
    [one] = index.dropped
    assert one.documented
    assert "AU10 is 9" in one.reason
    trees.disfa(tmp_path / "disfa", subjects=("SN001",))
    path = tmp_path / "disfa" / "ActionUnit_Labels/SN001/SN001_au4.txt"
    path.write_text("1,9\n2,0\n3,0\n4,0\n")
    [one] = index_dataset(settings("disfa", tmp_path / "disfa")).dropped
    assert not one.documented
    assert "SN001_au4.txt, line 1: intensity must be 0 to 5" in one.reason


def test_feras_occluded_frames_are_dropped(tmp_path):
    trees.bp4d(tmp_path, subjects=("F001",), fera=True)
    path = tmp_path / "AUCoding" / "F001_T1.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1][:-1] + "1", *lines[2:]]))
    index = index_dataset(settings("fera2015", tmp_path))
    assert index.clips[0].frames.tolist() == [337, 338]
    assert [one.documented for one in index.dropped] == [True]


def broken_label(text):
    def damage(root):
        (root / "ActionUnit_Labels/SN001/SN001_au12.txt").write_bytes(text)

    return damage


def remove_label(root):
    (root / "ActionUnit_Labels/SN001/SN001_au12.txt").unlink()


def empty_subject(root):
    for path in (root / "ActionUnit_Labels/SN001").iterdir():
        path.unlink()


def no_video(root):
    (root / "Videos_LeftCamera/LeftVideoSN001_comp.avi").unlink()


def other_name(root):
    folder = root / "ActionUnit_Labels/SN001"
    (folder / "SN001_au12.txt").rename(folder / "SN002_au12.txt")


def cut_video(root):
    path = root / "Videos_LeftCamera/LeftVideoSN001_comp.avi"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("damage", "reason", "left"),
    [
        (remove_label, "SN001_au12.txt: must be a label file", 0),
        (empty_subject, "must be a label file", 0),
        (other_name, "SN001_au12.txt: must be a label file", 0),
        (no_video, "it has no video", 0),
        (broken_label(b"1,0\n2,0,0\n3,0\n4,0\n"), "line 2: must have two columns", 0),
        (broken_label(b"1,0\n2,7\n3,0\n4,0\n"), "line 2: intensity must be 0 to 5", 3),
        (broken_label(b"1,0\n2,0\n2,1\n3,0\n4,0\n"), "a frame must have one line", 3),
        (broken_label(b"1,0\n2,0\n3,0\n"), "no line for this frame", 3),
        (broken_label(b""), "must hold labels", 0),
        (broken_label(b"\xff\xfe\x00"), "bytes that are no text", 0),
        (cut_video, "LeftVideoSN001_comp.avi: ", None),
    ],
)
def test_broken_trees_are_listed_and_the_rest_is_prepared(tmp_path, damage, reason, left):
    truth = trees.disfa(tmp_path / "in", subjects=("SN001", "SN002"))
    damage(tmp_path / "in")
    done = prepared("disfa", tmp_path / "in", tmp_path / "out")
    kept = [row["subject"].decode() for row in rows_of(done)]
    assert kept.count("SN002") == 4
    assert kept.count("SN001") == left or (left is None and kept.count("SN001") < 4)
    assert any(reason in one.reason for one in done.undocumented), done.undocumented
    with (done.folder / "dropped.csv").open() as file:
        table = list(csv.DictReader(file))
    assert {row["subject"] for row in table} == {"SN001"}
    assert {row["documented"] for row in table} == {"0"}
    missing = sum(int(row["count"] or 0) for row in table)
    if left or left is None:
        assert missing + len(kept) == len(truth)
    assert any("NOT documented" in line for line in prepare_module.summary(done))


def test_pictures_that_are_missing_double_or_broken_are_listed(tmp_path):
    trees.bp4d(tmp_path / "in", subjects=("F002",))
    folder = tmp_path / "in/2D+3D/F002/T1"
    (folder / "337.jpg").write_bytes((folder / "0337.jpg").read_bytes())
    (folder / "0336.jpg").unlink()
    (folder / "0338.jpg").write_bytes(b"no picture")
    done = prepared("bp4d", tmp_path / "in", tmp_path / "out")
    assert done.records == 1
    reasons = " ".join(one.reason for one in done.undocumented)
    assert "no image of this frame" in reasons
    assert "is there already as 0337.jpg" in reasons
    assert "338.jpg" in reasons


def test_a_picture_without_a_face_is_listed(tmp_path):
    from PIL import Image

    trees.bp4d(tmp_path / "in", subjects=("F002",))
    Image.new("RGB", (64, 64)).save(tmp_path / "in/2D+3D/F002/T1/0337.jpg")
    done = prepared("bp4d", tmp_path / "in", tmp_path / "out")
    assert done.records == 2
    assert [(one.reason, one.frames) for one in done.undocumented] == [("no face found", (337,))]


def test_swapped_files_of_two_aus_are_noticed(tmp_path):
    trees.bp4d(tmp_path, subjects=("F001",), frames=12)
    root = tmp_path / "AUCoding" / "AU_INT"
    for au in (6, 17):
        levels = [f"{n},{0 if (au == 6) == (n % 2 == 0) else 3}\n" for n in range(336, 348)]
        other = 17 if au == 6 else 6
        (root / f"AU{other:02d}" / f"F001_T1_AU{other:02d}.csv").write_text("".join(levels))
    path = tmp_path / "AUCoding/AU_OCC/F001_T1.csv"
    rows = [[n, n % 2, 0, 0, 0, 1 - n % 2] for n in range(336, 348)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([[0, *facs.BP4D], *rows])
    index = index_dataset(settings("bp4d", tmp_path))
    swapped = [line for line in index.warnings if "AU06" in line or "AU17" in line]
    assert len(swapped) == 2
    assert "label files may be swapped" in swapped[0]


def test_names_that_are_no_utf8_are_read_and_reported(tmp_path):
    root = tmp_path / "in"
    trees.csv_list(root, subjects=("ann",))
    new = root / b"ann\xff1.png".decode("utf-8", "surrogateescape")
    (root / "ann1.png").rename(new)
    table = (root / "faces.csv").read_bytes().replace(b"ann1.png", b"ann\xff1.png")
    (root / "faces.csv").write_bytes(table)
    done = prepared("csv", root / "faces.csv", tmp_path / "out")
    assert done.records == 2
    assert done.dropped == []
    new.write_bytes(b"no picture")
    done = prepared("csv", root / "faces.csv", tmp_path / "again")
    [one] = done.undocumented
    assert "ann\\xff1.png" in one.reason
    assert printable(new).endswith("ann\\xff1.png")


def test_a_broken_video_with_such_a_name_is_reported(tmp_path):
    root = tmp_path / "in"
    trees.csv_list(root, subjects=("ann",), film=True)
    (root / b"ann\xff.avi".decode("utf-8", "surrogateescape")).write_bytes(b"no film")
    table = (root / "faces.csv").read_bytes().replace(b"ann.avi", b"ann\xff.avi")
    (root / "faces.csv").write_bytes(table)
    done = prepared("csv", root / "faces.csv", tmp_path / "out")
    assert done.records == 0
    [one] = done.undocumented
    assert "ann\\xff.avi: not a video file" in one.reason
    assert "ann\\xff.avi" in (done.folder / "dropped.csv").read_text()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ann1.png,ann,1", "must have 4 columns"),
        ("ann1.png,ann,1,7", "AU12: intensity must be 0 to 5"),
        ("ann1.png,ann,1,x", "AU12: could not convert"),
        ("ann1.png,,1,2", "needs a subject"),
        ("ann1.png,ann,,", "at least one coded AU"),
    ],
)
def test_lines_of_a_csv_that_cannot_be_taken_are_listed(tmp_path, line, reason):
    (tmp_path / "a.csv").write_text(f"image,subject,AU06,AU12\nok.png,ann,1,2.5\n{line}\n")
    index = index_dataset(settings("csv", tmp_path / "a.csv"))
    assert [len(clip.frames) for clip in index.clips] == [1]
    [one] = index.dropped
    assert reason in one.reason
    assert one.where == "a.csv, line 3"


@pytest.mark.parametrize(
    ("head", "received"),
    [
        ("image,AU06", "image, AU06"),
        ("subject,AU06", "subject"),
        ("image,subject,AU99", "AU99"),
        ("", "no line"),
    ],
)
def test_a_csv_without_the_columns_is_refused(tmp_path, head, received):
    (tmp_path / "a.csv").write_text(head)
    with pytest.raises(ValueError, match=f"needs the columns.*Received: .*{received}"):
        index_dataset(settings("csv", tmp_path / "a.csv"))


@pytest.mark.parametrize("kind", ["disfa", "disfa_plus", "bp4d", "fera2015", "fera2017"])
def test_a_root_that_is_something_else_is_refused(tmp_path, kind):
    with pytest.raises(FileNotFoundError, match=r"must hold .*Received: .*Set data\.root"):
        index_dataset(settings(kind, tmp_path))


def test_a_stopped_preparation_goes_on_and_ends_the_same(tmp_path, monkeypatch):
    trees.bp4d(tmp_path / "in")
    whole = prepared("bp4d", tmp_path / "in", tmp_path / "whole")
    calls = []

    def interrupted(job, on_frame):
        calls.append(job)
        if len(calls) == 2:
            (job.shard.parent / ".partial-1.tfrecord").write_bytes(b"half")
            raise KeyboardInterrupt
        prepare_clip(job, on_frame)

    monkeypatch.setattr(prepare_module, "prepare_clip", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepared("bp4d", tmp_path / "in", tmp_path / "out")
    done = prepared("bp4d", tmp_path / "in", tmp_path / "out")
    assert len(calls) == 4  # one before, the interrupted one, two after
    assert done.folder.name == whole.folder.name
    for file in sorted(whole.folder.glob("*.tfrecord")):
        assert file.read_bytes() == (done.folder / file.name).read_bytes()
    assert not list(done.folder.glob(".partial-*"))
    card = json.loads((done.folder / "card.json").read_text())
    assert card["records"] == 9
    assert card["subjects"] == ["F001", "F002", "M001"]


def test_other_labels_are_another_set(tmp_path):
    trees.bp4d(tmp_path / "in", subjects=("F001",))
    wanted = settings("bp4d", tmp_path / "in")
    before = prepare_module.dataset_folder(wanted, index_dataset(wanted), tmp_path)
    assert before == prepare_module.dataset_folder(wanted, index_dataset(wanted), tmp_path)
    path = tmp_path / "in" / "AUCoding/AU_INT/AU10/F001_T1_AU10.csv"
    path.write_text("336,5\n337,2\n338,3\n")
    assert before != prepare_module.dataset_folder(wanted, index_dataset(wanted), tmp_path)


def test_one_process_at_a_time_prepares_a_set_and_many_read_it(tmp_path):
    trees.bp4d(tmp_path / "in", subjects=("F001",))
    done = prepared("bp4d", tmp_path / "in", tmp_path / "out")
    with lock_folder(done.folder, "mine"):
        assert prepared("bp4d", tmp_path / "in", tmp_path / "out").records == done.records > 0
        (done.folder / "card.json").unlink()
        with pytest.raises(OSError, match="one process at a time"):
            prepared("bp4d", tmp_path / "in", tmp_path / "out")


def test_progress_counts_every_frame(tmp_path):
    trees.disfa(tmp_path / "in", subjects=("SN001",))
    [clip] = index_dataset(settings("disfa", tmp_path / "in")).clips
    job = ClipJob(clip, tmp_path / "faces-00000-of-00001.tfrecord", "disfa", SIZE)
    counted = []
    prepare_clip(job, lambda: counted.append(1))
    assert len(counted) == 4
    report = json.loads(job.report.read_text())
    assert report["records"] == 4
    assert min(report["seconds"].values()) > 0
