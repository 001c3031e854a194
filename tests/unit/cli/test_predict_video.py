"""`fau-demo` on videos and on stdin."""

import json
import signal
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fau_tf.cli import predict
from fau_tf.inference.events import EventRule, find_events
from fau_tf.inference.smoothing import OneEuro, OneEuroFilter
from fau_tf.io import sources
from fau_tf.io.videos import VideoFile
from tests.helpers.demo import results, rows, run
from tests.helpers.face_videos import FPS, crossing, face, frame, write_video
from tests.helpers.tiny_model import write_tiny_model

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def cross(tmp_path_factory):
    """A video of two faces that cross."""
    return write_video(tmp_path_factory.mktemp("video") / "cross.avi", crossing(24))


def test_a_video_gives_rows_with_times_and_ids_and_a_plot(model, cross, tmp_path, capfd):
    assert run(model, tmp_path, cross) == 0
    printed = capfd.readouterr()
    assert "24 frames, 24 with a face that was read" in printed.out
    assert printed.err == ""
    assert results(tmp_path) == ["cross_au.csv", "cross_au_plot.png"]
    found = rows(tmp_path / "cross_au.csv")
    assert sorted({int(row["frame"]) for row in found}) == list(range(1, 25))
    for row in found:
        assert float(row["timestamp"]) == pytest.approx((int(row["frame"]) - 1) / FPS, abs=1e-3)
    # The bright face keeps its id; the dark one is hidden, and comes back as another.
    assert {row["face_id"] for row in found} == {"0", "1", "2"}
    assert sum(row["face_id"] == "0" for row in found) == 24
    bright = np.mean([float(row["AU26_r"]) for row in found if row["face_id"] == "0"])
    dark = np.mean([float(row["AU26_r"]) for row in found if row["face_id"] == "2"])
    assert bright > 1.5 * dark > 0


def test_an_annotated_video_has_a_picture_of_every_frame(model, cross, tmp_path):
    assert run(model, tmp_path, cross, "--draw", "--no-plot", "--no-csv", "--every", "4") == 0
    assert results(tmp_path) == ["cross_au.mp4"]
    with VideoFile(tmp_path / "cross_au.mp4") as video:
        assert (video.count, video.fps) == (6, pytest.approx(FPS / 4))
        pictures = [one.image for one in video.frames()]
    assert all(picture.std() > 10 for picture in pictures)


def test_smoothed_intensities_and_those_above_neutral_have_columns(model, cross, tmp_path):
    options = ["--neutral", "median", "--smooth", "0.5,0.25", "--jsonl"]
    assert run(model, tmp_path / "plain", cross, "--no-plot") == 0
    assert run(model, tmp_path, cross, *options) == 0
    plain, found = rows(tmp_path / "plain" / "cross_au.csv"), rows(tmp_path / "cross_au.csv")
    assert {row["processing"] for row in found} == {"smooth=one-euro:0.5Hz,0.25 neutral=median"}
    changed = {
        "processing",
        *(name for name in found[0] if name.endswith(("_smooth", "_above_neutral"))),
    }
    assert found[0].keys() - plain[0].keys() == changed - {"processing"}
    assert [{k: v for k, v in row.items() if k not in changed} for row in found] == [
        {k: v for k, v in row.items() if k not in changed} for row in plain
    ]
    raw, smooth, net, time = (
        np.array([float(row[name]) for row in found if row["face_id"] == "0"])
        for name in ("AU12_r", "AU12_smooth", "AU12_above_neutral", "timestamp")
    )
    step = OneEuroFilter(OneEuro(0.5, 0.25))
    wanted = [step([value], at)[0] for value, at in zip(raw, time, strict=True)]
    # Three decimals in the file.
    np.testing.assert_allclose(smooth, wanted, atol=2e-3)
    np.testing.assert_allclose(net, (smooth - np.median(smooth)).clip(0), atol=2e-3)
    assert 0 < np.abs(np.diff(smooth)).mean() < np.abs(np.diff(raw)).mean()
    lines = (tmp_path / "cross_au.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    assert len(entries) == len(found)
    for name, levels in (("intensity", raw), ("smoothed", smooth), ("above_neutral", net)):
        assert [one[name]["AU12"] for one in entries if one["face_id"] == 0] == list(levels)


def test_events_sides_and_derived_figures_of_a_video(model, cross, tmp_path):
    options = ["--events", "--event-rule", "0.2,0.1,0.1", "--sides", "--pspi", "--no-plot"]
    assert run(model, tmp_path, cross, *options, "--eye-closure", "0.5") == 0
    assert results(tmp_path) == ["cross_au.csv", "cross_au_elan.txt", "cross_au_events.csv"]
    found, events = (rows(tmp_path / f"cross_au{name}.csv") for name in ("", "_events"))
    # The default smoothing, as the events are of smoothed intensities.
    said = "smooth=one-euro:0.5Hz,0.5 eye_closure=0.5s"
    assert {row["processing"] for row in (*found, *events)} == {said}
    bright = [row for row in found if row["face_id"] == "0"]
    times, smooth = ([float(row[name]) for row in bright] for name in ("timestamp", "AU26_smooth"))
    wanted = find_events(times, smooth, EventRule(0.2, 0.1, 0.1))
    seen = [row for row in events if (row["face_id"], row["au"]) == ("0", "AU26")]
    assert [(float(row["onset"]), float(row["peak"])) for row in seen] == [
        (one.onset, pytest.approx(one.peak, abs=1e-3)) for one in wanted
    ]
    assert seen[0]["onset_cut"] == "start"
    lines = (tmp_path / "cross_au_elan.txt").read_text().splitlines()
    assert len(lines) == len(events)
    assert any(line.startswith("AU26_face0\t0\t") for line in lines)
    for row in bright:
        mean = (float(row["AU26_L_r"]) + float(row["AU26_R_r"])) / 2
        # Three decimals each.
        assert mean == pytest.approx(float(row["AU26_r"]), abs=1.1e-3)
    # The tiny model has neither AU7 nor AU45.
    assert {row[name] for row in found for name in ("PSPI", "eye_closure")} == {"NaN"}


def test_a_truncated_video_is_read_and_listed(model, cross, tmp_path, capsys):
    cut = tmp_path / "cut.avi"
    cut.write_bytes(cross.read_bytes()[: cross.stat().st_size // 2])
    assert run(model, tmp_path / "out", cut) == 1
    assert (
        "cut.avi: the video is damaged here (mjpeg). Copy or convert the video"
        in capsys.readouterr().err
    )
    found = rows(tmp_path / "out" / "cut_au.csv")
    assert 5 < len({row["frame"] for row in found}) < 24


@pytest.mark.parametrize("content", [b"", b"hello", b"\0\0\0\x18ftypmp42" + bytes(50)])
def test_what_is_no_video_is_listed_and_leaves_nothing(model, tmp_path, capsys, content):
    (tmp_path / "x.mp4").write_bytes(content)
    assert run(model, tmp_path / "out", tmp_path / "x.mp4") == 1
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 2
    assert "x.mp4: " in printed[1]
    assert results(tmp_path / "out") == []


def jpeg(picture):
    content = BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=95)
    return content.getvalue()


def test_an_empty_stdin_is_listed(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sources.sys, "stdin", type("In", (), {"buffer": BytesIO()}))
    assert run(model, tmp_path, "-") == 1
    printed = capsys.readouterr()
    assert "stdin: no images found" in printed.err
    assert "Results" not in printed.out
    assert results(tmp_path) == []


def test_pictures_on_stdin_are_a_video(model, tmp_path, capsys, monkeypatch):
    head = jpeg(frame((100, face())))
    png = BytesIO()
    Image.fromarray(frame()).save(png, "PNG")
    broken = bytearray(png.getvalue())
    broken[60] ^= 0xFF  # in the compressed data
    content = head + bytes(broken) + jpeg(frame()) + head + head[:50]
    monkeypatch.setattr(sources.sys, "stdin", type("In", (), {"buffer": BytesIO(content)}))
    assert run(model, tmp_path, "-", "--fps", "10") == 1
    printed = capsys.readouterr().err
    assert "stdin, image 2: the image is damaged" in printed
    assert "the stream ends within image 5" in printed
    found = rows(tmp_path / "stdin_au.csv")
    assert [(row["timestamp"], row["face_id"], row["reason"]) for row in found] == [
        ("0.000", "0", ""),
        ("0.100", "0", "could not be read"),
        ("0.200", "0", "no face found"),
        ("0.300", "1", ""),
    ]


def test_smoothing_starts_afresh_after_a_frame_that_could_not_be_read(
    model, tmp_path, monkeypatch, capsys
):
    # Darker by steps that are no cut, and change what the tiny model reads.
    pictures = [jpeg(frame((100, face() // 10 * tenths))) for tenths in (10, 8, 6)]
    broken = pictures[2].replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x09")  # 9 bits
    content = pictures[0] + pictures[1] + broken + pictures[2]
    monkeypatch.setattr(sources.sys, "stdin", type("In", (), {"buffer": BytesIO(content)}))
    assert run(model, tmp_path, "-", "--fps", "10", "--smooth", "0.5,0.25", "--no-plot") == 1
    assert "stdin, image 3: a damaged JPEG" in capsys.readouterr().err
    found = rows(tmp_path / "stdin_au.csv")
    smoothed = [row["AU26_smooth"] == row["AU26_r"] for row in found]
    # NaN in both columns of the damaged one.
    assert smoothed == [True, False, True, True]
    assert [row["face_id"] for row in found] == ["0"] * 4


def test_a_camera_ends_with_ctrl_c_and_keeps_its_rows(model, tmp_path, monkeypatch, capsys):
    def three(_index, _every):
        for number in (1, 2, 3):
            yield sources.Frame(frame((100, face())), number, number / 10, "camera 0")
        raise KeyboardInterrupt

    monkeypatch.setattr(sources, "camera_frames", three)
    assert predict.main(["--webcam", "--model", str(model), "--out", str(tmp_path)]) == 0
    # The last frame was being read.
    assert "camera0: 2 frames" in capsys.readouterr().out
    assert len(rows(tmp_path / "camera0_au.csv")) == 2


def test_no_camera_is_listed(model, tmp_path, capsys):
    arguments = ["--webcam", "63", "--model", str(model), "--out", str(tmp_path)]
    assert predict.main(arguments) == 1
    assert "camera 63: cannot be opened" in capsys.readouterr().err


@pytest.mark.integration
def test_ctrl_c_in_the_middle_leaves_whole_files(model, tmp_path):
    """A real signal to a real process, which reads pictures until it is interrupted."""
    arguments = ["-", "--model", str(model), "--out", str(tmp_path), "--draw"]
    code = (
        "import signal, sys\n"
        "from fau_tf.cli.predict import main\n"
        # A process in the background of a shell ignores it, and so do its children.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"sys.exit(main({arguments!r}))"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=pipe, stderr=pipe, cwd=ROOT
    ) as process:
        picture = jpeg(frame((100, face())))
        for _ in range(6):
            process.stdin.write(picture)
        process.stdin.flush()
        try:
            wait_for_rows(tmp_path, 4)
            process.send_signal(signal.SIGINT)
            # Not `communicate`, which would close stdin and so end the work.
            code = process.wait(timeout=600)
        finally:
            process.kill()
        printed = process.stderr.read().decode()
        assert code == 130, printed
    assert (
        printed.strip()
        .splitlines()[-1]
        .startswith("fau-demo: interrupted; the results so far are in")
    )
    assert "Traceback" not in printed
    assert results(tmp_path) == ["stdin_au.csv", "stdin_au.mp4", "stdin_au_plot.png"]
    found = rows(tmp_path / "stdin_au.csv")
    assert len(found) >= 3
    assert all(row["success"] == "1" and row["contract_version"] == "2" for row in found)
    with VideoFile(tmp_path / "stdin_au.mp4") as video:
        # The row of a frame is written before its picture.
        assert len(list(video.frames())) >= 2


def wait_for_rows(folder, lines):
    deadline = time.monotonic() + 600  # a busy machine
    while time.monotonic() < deadline:
        texts = [path.read_bytes() for path in folder.glob(".partial-*.csv")]
        if any(text.count(b"\n") >= lines for text in texts):
            return
        time.sleep(0.05)
    raise AssertionError("no rows were written")


def test_progress_shows_frames_rate_and_time_left(model, cross, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("fau_tf.utils.console._LOG", 0.0)
    assert run(model, tmp_path, cross) == 0
    shown = capsys.readouterr().err.split("\r")
    (line,) = [line for line in shown if " 12/24 " in line][:1]
    assert line.startswith(f"{cross}:  50%|")
    assert "frames/s" in line
    assert run(model, tmp_path, cross, "--quiet") == 0
    assert capsys.readouterr().err == ""
