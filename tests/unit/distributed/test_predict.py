"""Jobs of shards have the rows of one machine, byte for byte; the worker is this process."""

import csv
import io
import json
import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

from fau_tf.cli import predict
from fau_tf.distributed import cluster as clusters
from fau_tf.distributed import job as jobs
from fau_tf.distributed import predict as cluster_predict
from fau_tf.distributed import reports, worker
from fau_tf.io import videos
from tests.helpers.face_videos import crossing, face, write_video
from tests.helpers.prediction_jobs import joined, one_machine, photo_folder
from tests.helpers.tiny_model import AUS, write_metadata, write_tiny_model

PHOTOS = 12
FEW = ("--faces", "2")  # no search for more once both are known


class Here:
    """Stands in for a cluster and works in this process."""

    workers = 2

    def __init__(self):
        self.done = []

    def run(self, open_folder, rows):
        work = clusters.RowWorker(open_folder)
        for row in rows:
            self.done.append((row["step"], row["key"]))
            yield work(row)


@pytest.fixture
def here(monkeypatch):
    found = Here()

    @contextmanager
    def started(_address, _workers):
        yield found

    monkeypatch.setattr(clusters, "start_cluster", started)
    monkeypatch.setattr(clusters, "require_ray", lambda: None)
    return found


pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """Videos of faces that cross and photos, one of them broken."""
    folder = tmp_path_factory.mktemp("media")
    write_video(folder / "cross.avi", crossing(32))
    write_video(folder / "film.mp4", crossing(24)[::-1])
    photo_folder(folder / "photos", PHOTOS, broken=6)
    return folder


def run(model, out, *arguments):
    return predict.main([*map(str, arguments), "--model", str(model), "--out", str(out)])


def cluster(model, out, *arguments, shard=10):
    return run(model, out, *arguments, "--cluster", "local", "--shard", shard)


def rows_of(content):
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def table(path):
    return rows_of(path.read_bytes())


def job(out):
    [place] = [path for path in out.iterdir() if path.name.startswith("job-")]
    return place


@pytest.mark.integration
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--every", "2", "--jsonl", "--faces", "2"),
        ("--smooth", "0.5,0.5", "--neutral", "median", "--faces", "2", "--sides"),
        ("--neutral", "rest.png", "--faces", "1"),
    ],
    ids=" ".join,
)
def test_ranges_of_a_video_give_the_rows_of_the_whole(
    here, model, media, tmp_path, monkeypatch, options
):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.pad(face(), ((40, 40), (40, 40), (0, 0)), "edge")).save("rest.png")
    films = [media / "cross.avi", media / "film.mp4"]
    wanted = one_machine(model, tmp_path / "one", films, options)
    assert cluster(model, tmp_path / "many", *films, *options) == 0
    assert joined(job(tmp_path / "many")) == wanted
    assert {name for name, _ in wanted} == {"cross_au", "film_au"}
    # Several ranges, and a face that another one hides.
    assert sum(do == "read" for do, _ in here.done) >= (3 if "--every" in options else 7)
    crossing_rows = rows_of(wanted["cross_au", "csv"])
    # With every second frame, the hidden face is lost too briefly to get another id.
    ids = 1 if "1" in options else 2 if "--every" in options else 3
    assert len({row["face_id"] for row in crossing_rows}) == ids


@pytest.mark.integration
def test_several_pictures_in_one_file_give_the_rows_of_one_machine(
    here, model, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    pictures = [Image.fromarray(np.roll(face(), shift, axis=1)) for shift in (0, 4, 8)]
    moving = {"save_all": True, "append_images": pictures[1:]}
    pictures[0].copy().save("x.gif", duration=[100, 200, 300], **moving)
    rows = []
    for tenths in (10, 9, 8):
        # Darker by steps that are no cut, and change what the tiny model reads.
        Image.fromarray(face() // 10 * tenths).save("one.jpg", quality=95)
        rows.append(Path("one.jpg").read_bytes())
    damaged = rows[1].replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x09")  # 9 bits
    Path("x.mjpeg").write_bytes(rows[0] + damaged + rows[2])
    files = [Path("x.gif"), Path("x.mjpeg")]
    options = ("--fps", "5", "--smooth", "0.5,0.5")
    wanted = one_machine(model, tmp_path / "one", files, options, code=1)  # one is damaged
    assert cluster(model, tmp_path / "many", *files, *options) == 1
    assert joined(job(tmp_path / "many")) == wanted
    by_jpeg = rows_of(wanted["x_2_au", "csv"])
    assert [row["timestamp"] for row in by_jpeg] == ["0.000", "0.200", "0.400"]
    assert [row["reason"] for row in by_jpeg][1] == "could not be read"
    assert by_jpeg[2]["face_id"] == "0"
    assert by_jpeg[2]["AU26_smooth"] == by_jpeg[2]["AU26_r"] != by_jpeg[0]["AU26_r"]
    assert len(here.done) > 0


@pytest.mark.integration
def test_a_range_that_begins_with_other_faces_is_read_again(
    here, model, media, tmp_path, monkeypatch
):
    # Without lead frames, no range begins with the faces that were followed to it.
    monkeypatch.setattr(jobs, "LEAD", 0)
    films = [media / "cross.avi"]
    wanted = one_machine(model, tmp_path / "one", films, FEW)
    assert cluster(model, tmp_path / "many", *films, *FEW) == 0
    assert joined(job(tmp_path / "many")) == wanted
    [entry] = json.loads((job(tmp_path / "many") / cluster_predict.CARD).read_text())["sources"]
    assert entry["shards"] == 4
    assert entry["reread"] >= 3
    assert sum(do == "read" for do, _ in here.done) == 4 + entry["reread"]


@pytest.mark.integration
def test_a_video_that_cannot_be_sought_gives_the_same_rows(model, media, tmp_path, monkeypatch):
    sought = []
    monkeypatch.setattr(videos, "seek_to", lambda *given: sought.append(given[-1]))
    films = [media / "cross.avi"]
    wanted = one_machine(model, tmp_path / "one", films, FEW)
    assert cluster(model, tmp_path / "many", *films, *FEW) == 0
    assert joined(job(tmp_path / "many")) == wanted
    assert [point.number for point in sought] == [5]


def test_a_folder_of_photos_with_a_broken_one(model, media, tmp_path, capfd):
    folder = [media / "photos"]
    wanted = one_machine(model, tmp_path / "one", folder, code=1)
    said = capfd.readouterr().err
    assert cluster(model, tmp_path / "many", *folder) == 1
    assert joined(job(tmp_path / "many")) == wanted
    assert len(wanted["photos_au", "csv"].splitlines()) == 1 + PHOTOS
    # The same list at the end, after the line of the shard.
    again = capfd.readouterr().err
    assert "photo006.png: the image is damaged" in said
    assert again.endswith(said)
    assert "photos_au-00000-of-00002: " in again
    [row] = table(job(tmp_path / "many") / cluster_predict.FAILED)
    assert row["shard"] == "photos_au-00000-of-00002"
    assert "photo006.png" in row["reason"]


def test_single_photos_and_unreadable_ones(model, media, tmp_path, capfd):
    names = [media / "photos" / "photo001.png", media / "photos" / "photo006.png", media / "none"]
    wanted = one_machine(model, tmp_path / "one", names, FEW, code=1)
    said = capfd.readouterr().err
    assert cluster(model, tmp_path / "many", *names, *FEW) == 1
    assert joined(job(tmp_path / "many")) == wanted
    assert list(wanted) == [("photo001_au", "csv")]
    assert capfd.readouterr().err.endswith(said)


@pytest.mark.integration
def test_a_damaged_video_is_read_up_to_its_damage(model, media, tmp_path, capfd):
    content = (media / "cross.avi").read_bytes()
    film = tmp_path / "cut.avi"
    film.write_bytes(content[: len(content) // 2])
    nothing = tmp_path / "nothing.avi"
    nothing.write_bytes(content[:2000])
    films = [film, nothing, media / "film.mp4"]
    wanted = one_machine(model, tmp_path / "one", films, FEW, code=1)
    _, _, said = capfd.readouterr().err.partition("Not read:")  # before it, decoders speak
    assert "cut.avi: the video is damaged" in said
    assert "nothing.avi" in said
    assert cluster(model, tmp_path / "many", *films, *FEW) == 1
    assert joined(job(tmp_path / "many")) == wanted
    assert capfd.readouterr().err.endswith(said)


@pytest.mark.integration
def test_a_list_of_files_is_a_source_with_and_without_a_cluster(model, media, tmp_path):
    names = [media / "photos" / f"photo{i:03d}.png" for i in (3, 2, 1)] + [media / "film.mp4"]
    (tmp_path / "list.txt").write_text("\n".join(map(str, names)) + "\n\n")
    wanted = one_machine(model, tmp_path / "one", [], ("--list", str(tmp_path / "list.txt")))
    assert cluster(model, tmp_path / "many", "--list", tmp_path / "list.txt") == 0
    assert joined(job(tmp_path / "many")) == wanted
    assert len(wanted) == 2
    [found] = [content for (name, _), content in wanted.items() if "film" not in name]
    # In the order of the list.
    assert [row["source"] for row in rows_of(found)] == [str(name) for name in names[:3]]


def test_parquet_has_the_figures_of_the_csv_and_null_for_nan(media, tmp_path):
    model = write_tiny_model(tmp_path)
    failed = {"AU09": [{"criterion": "cross_rig_icc", "value": 0.1, "limit": 0.4}]}
    write_metadata(model, AUS, "fau", {"low_reliability": failed})
    assert cluster(model, tmp_path / "out", media / "photos", "--parquet") == 1
    place = job(tmp_path / "out")
    count = 0
    for path in sorted(place.glob("*.parquet")):
        found = pyarrow.parquet.read_table(path).to_pylist()
        rows = table(path.with_suffix(".csv"))
        assert len(found) == len(rows)
        for one, other in zip(found, rows, strict=True):
            count += 1
            for name, value in one.items():
                if value is None:
                    assert other[name] == "NaN"
                else:
                    assert type(value)(other[name]) == value
            assert type(one["AU12_r"]) is float or one["AU12_r"] is None
            assert type(one["frame"]) is int
            assert one["low_reliability"] == "AU09"
    assert count == PHOTOS


@pytest.mark.integration
def test_a_stopped_job_continues_with_the_remaining_shards(
    here, model, media, tmp_path, monkeypatch
):
    names = [media / "cross.avi", media / "photos"]
    wanted = one_machine(model, tmp_path / "one", names, FEW, code=1)
    read = worker.JobWorker.__call__
    calls = []

    def stopped(self, row):
        calls.append(row["step"])
        if calls.count("read") == 4:
            raise KeyboardInterrupt
        return read(self, row)

    with monkeypatch.context() as patch:
        patch.setattr(worker.JobWorker, "__call__", stopped)
        assert cluster(model, tmp_path / "many", *names, *FEW) == 130
    assert calls.count("read") == 4
    place = job(tmp_path / "many")
    assert not (place / cluster_predict.CARD).exists()
    here.done.clear()
    assert cluster(model, tmp_path / "many", *names, *FEW) == 1
    assert sum(do == "read" for do, _ in here.done) == 4 + 2 - 3
    assert not any(do == "index" for do, _ in here.done)
    assert joined(place) == wanted
    here.done.clear()
    assert cluster(model, tmp_path / "many", *names, *FEW) == 1
    assert here.done == []
    assert not (place / jobs.WORK).exists()


def test_another_list_model_or_setting_is_another_job(model, tmp_path):
    photos = photo_folder(tmp_path / "few", 2)
    cluster(model, tmp_path, photos)
    cluster(model, tmp_path, photos, "--faces", "2")
    cluster(model, tmp_path, photos, shard=11)
    (tmp_path / "other").mkdir()
    cluster(write_tiny_model(tmp_path / "other", aus=(6, 12)), tmp_path, photos)
    moved = photo_folder(tmp_path / "photos", 2)
    cluster(model, tmp_path / "out", moved)
    (moved / "photo000.png").write_bytes((moved / "photo001.png").read_bytes())
    cluster(model, tmp_path / "out", moved)
    assert len(list(tmp_path.glob("job-*"))) == 4
    assert len(list((tmp_path / "out").glob("job-*"))) == 2


@pytest.mark.integration
def test_an_image_that_crashes_its_readers_is_left_out(model, media, tmp_path, monkeypatch):
    """Three processes have ended at the fourth photo, and three at frame 21."""
    put = reports.Attempts.__init__

    def died(self, path):
        content = json.loads(path.with_suffix(".part").read_text())
        number = 21 if content["kind"] == "video" else 4
        if content["first"] <= number:
            path.write_text("".join(f"host:{i} 1\nhost:{i} {number}\n" for i in range(3)))
        put(self, path)

    monkeypatch.setattr(reports.Attempts, "__init__", died)
    assert cluster(model, tmp_path, media / "photos", media / "cross.avi", *FEW) == 1
    place = job(tmp_path)
    rows = table(place / "photos_au-00000-of-00002.csv")
    assert [row["reason"] for row in rows if row["success"] == "0"] == 2 * ["could not be read"]
    failed = table(place / cluster_predict.FAILED)
    assert any("photo003.png: 3 processes crashed" in row["reason"] for row in failed)
    assert any("cross.avi, frame 21: 3 processes crashed" in row["reason"] for row in failed)
    frames = rows_of(joined(place)["cross_au", "csv"])
    assert max(int(row["frame"]) for row in frames) == 20


@pytest.mark.parametrize(("end", "left"), [(KeyboardInterrupt, False), (OSError, True)])
def test_ctrl_c_is_not_counted_as_a_crash(tmp_path, end, left):
    notes = tmp_path / "deep" / "x.tried"
    notes.parent.mkdir()

    def stopped():
        notes.write_text("".join(f"host:{i} 1\n" for i in range(reports.MAX_CRASHES)))
        raise end

    for _ in range(2):
        with pytest.raises(end), reports.forget_attempts_on_interrupt(tmp_path):
            stopped()
        assert notes.is_file() == left
        assert reports.Attempts(notes).begin(1) != left


def test_a_crash_is_counted_at_the_last_image_of_a_process(tmp_path):
    path = tmp_path / "x.tried"
    path.write_text("".join(f"host:{i} {number}\n" for i in range(3) for number in (1, i + 2)))
    attempts = reports.Attempts(path)
    assert all(attempts.begin(number) for number in range(1, 6))


@pytest.mark.parametrize("step", ["index", "read"])
def test_an_error_is_not_counted_as_a_crash(here, model, media, tmp_path, monkeypatch, step):
    def full(*_):
        raise OSError(28, "No space left on device")

    place = {"index": (videos.VideoFile, "seek_index"), "read": (worker.AUEstimator, "track")}
    for process in range(reports.MAX_CRASHES):
        with monkeypatch.context() as patch:
            patch.setattr(reports, "process_name", lambda number=process: f"host:{number}")
            patch.setattr(*place[step], full)
            assert cluster(model, tmp_path, media / "cross.avi", *FEW) == 2
    assert here.done[-1][0] == step
    assert cluster(model, tmp_path, media / "cross.avi", *FEW) == 0


def test_a_failed_shard_is_reported_and_the_others_are_kept(
    here, model, media, tmp_path, monkeypatch, capfd
):
    rows = worker.write_rows

    def full(job, part, info):
        if part.index == 1:
            raise OSError(28, "No space left on device")
        return rows(job, part, info)

    with monkeypatch.context() as patch:
        patch.setattr(worker, "write_rows", full)
        assert cluster(model, tmp_path, media / "photos") == 2
    said = capfd.readouterr().err
    assert "photos_au-00001-of-00002: OSError" in said
    assert "the same command continues" in said
    here.done.clear()
    assert cluster(model, tmp_path, media / "photos") == 1
    assert len(here.done) == 1


def test_a_name_that_is_no_text_is_reported(here, model, tmp_path, monkeypatch):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(b"no picture")
    names, run_ = [], here.run

    def kept(open_folder, rows):
        names.extend(row["name"] for row in rows)
        return run_(open_folder, rows)

    monkeypatch.setattr(here, "run", kept)
    assert cluster(model, tmp_path / "out", folder) == 1
    "".join(names).encode()  # Ray's rows hold text only
    assert names
    [failed] = table(job(tmp_path / "out") / cluster_predict.FAILED)
    assert r"caf\xe9.png" in failed["reason"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("x.png", "--draw"), "--cluster writes rows only, so --draw is not possible"),
        (("x.mp4", "--events"), "--cluster writes rows only, so --events is not possible"),
        (("x.png", "--plot"), "--cluster writes rows only, so --plot is not possible"),
        (("-",), "every machine can open, so stdin is not possible"),
        (("--webcam",), "every machine can open, so camera0 is not possible"),
        (("x.png", "--no-csv"), "--cluster has nothing to write with --no-csv"),
    ],
)
def test_options_and_sources_of_one_machine_are_refused(
    here, model, tmp_path, capfd, arguments, said
):
    assert cluster(model, tmp_path / "out", *arguments) == 2
    assert said in capfd.readouterr().err
    assert here.done == []


@pytest.mark.parametrize("option", [("--parquet",), ("--workers", "2"), ("--shard", "20")])
def test_options_of_a_job_need_a_cluster(tmp_path, capfd, option):
    with pytest.raises(SystemExit) as ended:
        predict.main(["x.png", "--out", str(tmp_path), *option])
    assert ended.value.code == 2
    assert f"{option[0]} needs --cluster" in capfd.readouterr().err
