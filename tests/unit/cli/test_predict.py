"""`fau-demo` on photos."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fau_tf
from fau_tf import facs
from fau_tf.cli import predict
from fau_tf.io.sources import SourceKind
from fau_tf.models.presets import PRESETS
from fau_tf.outputs.options import PredictOptions
from tests.helpers.demo import results, rows, run
from tests.helpers.face_videos import PHOTO
from tests.helpers.tiny_model import write_tiny_model

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def test_a_photo_gives_a_table_a_picture_and_a_csv_file(model, tmp_path, capfd):
    assert run(model, tmp_path / "out", PHOTO) == 0
    printed = capfd.readouterr()
    assert "1 face" in printed.out
    aus = [facs.AUS[number] for number in PRESETS["tiny"].au_numbers]
    assert all(au.label in printed.out and au.name in printed.out for au in aus)
    assert printed.err == ""
    assert results(tmp_path / "out") == ["astronaut_au.csv", "astronaut_au.png"]
    (row,) = rows(tmp_path / "out" / "astronaut_au.csv")
    values = [float(row[f"{au.label}_r"]) for au in aus]
    assert row["success"] == "1"
    assert 0 < min(values) < max(values) <= 5
    with Image.open(tmp_path / "out" / "astronaut_au.png") as picture:
        assert picture.width > 700


def test_every_face_of_a_photo_is_a_row_left_to_right(model, tmp_path, capsys):
    pair = np.concatenate([np.array(Image.open(PHOTO)), np.array(Image.open(PHOTO)) // 2], axis=1)
    Image.fromarray(pair).save(tmp_path / "pair.png")
    assert run(model, tmp_path / "out", tmp_path / "pair.png") == 0
    assert "2 faces" in capsys.readouterr().out
    bright, dark = rows(tmp_path / "out" / "pair_au.csv")
    assert (bright["face_id"], dark["face_id"]) == ("0", "1")
    assert float(bright["AU26_r"]) > float(dark["AU26_r"]) > 0


def test_reaching_the_number_of_faces_is_reported(model, tmp_path, capsys):
    assert run(model, tmp_path, PHOTO, "--faces", 1) == 0
    said = "--faces 1 was reached: there may be more faces than were read"
    assert said in capsys.readouterr().out
    assert run(model, tmp_path, PHOTO, "--faces", 2) == 0
    assert "--faces" not in capsys.readouterr().out


def test_a_photo_without_a_face_is_a_nan_row_with_its_reason(model, tmp_path, capsys):
    Image.new("RGB", (200, 100), "teal").save(tmp_path / "wall.png")
    assert run(model, tmp_path / "out", tmp_path / "wall.png") == 0
    assert "no face found" in capsys.readouterr().out
    (row,) = rows(tmp_path / "out" / "wall_au.csv")
    assert (row["success"], row["AU12_r"], row["AU12_c"]) == ("0", "NaN", "NaN")
    assert row["reason"] == "no face found"
    assert results(tmp_path / "out") == ["wall_au.csv", "wall_au.png"]


def test_unreadable_photos_among_others_are_listed_and_the_others_done(model, tmp_path, capsys):
    text, cut, loop = (tmp_path / name for name in ("text.jpg", "cut.png", "loop.png"))
    text.write_text("not a picture")
    cut.write_bytes(PHOTO.read_bytes()[:5000])
    loop.symlink_to(loop)
    bad = [
        text,
        cut,
        loop,
        tmp_path / "none.png",
        tmp_path / ("n" * 300 + ".png"),
        PHOTO / "inside",
    ]
    assert run(model, tmp_path / "out", bad[0], PHOTO, *bad[1:]) == 1
    listed = capsys.readouterr().err.strip().splitlines()
    assert listed[0] == "Not read:"
    assert [line.split(":")[0].strip() for line in listed[1:]] == [str(path) for path in bad]
    assert results(tmp_path / "out") == ["astronaut_au.csv", "astronaut_au.png"]


def test_a_missing_model_ends_with_2_and_one_line_before_anything_is_written(tmp_path, capsys):
    assert run(tmp_path / "none.tflite", tmp_path / "out", PHOTO) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "none.tflite: the model must be readable" in printed
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("inside", ["", "deeper", "n" * 300])
def test_an_output_that_cannot_be_a_folder_ends_with_2_and_one_line(
    model, tmp_path, capsys, inside
):
    (tmp_path / "out").write_text("mine")
    out = tmp_path / "out" / inside
    assert run(model, out, PHOTO) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert printed.startswith(f"fau-demo: error: --out: {out} can't be made a folder: ")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--model", "m"],
        ["x.png", "--model"],
        ["x.png", "--model", "m", "--faces", "two"],
        ["x.png", "--every", "0"],
        ["x.png", "--fps", "nan"],
        ["x.mp4", "--smooth", "0.3"],
        ["x.mp4", "--smooth", "0,1"],
        ["x.mp4", "--events", "--event-rule", "1"],
        ["x.mp4", "--event-rule", "2,1,0.1"],
        ["x.mp4", "--eye-closure", "0"],
        ["x.png", "--webcam", "front"],
        ["--webcam", "-1"],
        ["--webcam", "99999999999"],
        ["x.png", "--faces", "0"],
        ["x.png", "--threads", "100000"],
    ],
)
def test_a_wrong_command_ends_with_2_and_its_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        predict.main(arguments)
    assert ended.value.code == 2
    assert "usage: fau-demo" in capsys.readouterr().err


def test_options_are_checked_without_a_command_line_too():
    with pytest.raises(ValueError, match=r"--faces must be 1 to 1000: got 0\."):
        PredictOptions(sources=("x.png",), faces=0)
    with pytest.raises(ValueError, match=r"one of litert, mediapipe\. Received: 'dlib'"):
        PredictOptions(sources=("a.png",), landmarker="dlib")
    with pytest.raises(ValueError, match=r"--present-from must be above 0: got nan\."):
        PredictOptions(sources=("x.png",), present_from=float("nan"))
    with pytest.raises(ValueError, match="A SOURCE is needed"):
        PredictOptions()


@pytest.mark.parametrize(
    ("changes", "kind", "outputs"),
    [
        ({}, SourceKind.PHOTO, {"csv", "draw"}),
        ({}, SourceKind.VIDEO, {"csv", "plot"}),
        ({"draw": True, "csv": False}, SourceKind.CAMERA, {"draw", "plot"}),
        ({"plot": True, "jsonl": True}, SourceKind.PHOTOS, {"csv", "draw", "jsonl"}),
    ],
)
def test_outputs_depend_on_the_kind_of_source_and_the_options(changes, kind, outputs):
    assert PredictOptions(sources=("x",), **changes).outputs(kind) == outputs


def test_a_failed_write_leaves_nothing_half_written(model, tmp_path, capsys, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    assert run(model, tmp_path / "out", PHOTO) == 2
    printed = capsys.readouterr().err
    rule = "can't be written: No space left on device. The results so far"
    assert printed.startswith(f"fau-demo: error: {tmp_path / 'out'} {rule}")
    assert printed.count("\n") == 1
    # The rows before the failure stay.
    assert results(tmp_path / "out") == ["astronaut_au.csv"]
    assert len(rows(tmp_path / "out" / "astronaut_au.csv")) == 1


@pytest.mark.integration
def test_a_closed_pipe_costs_no_results(model, tmp_path):
    arguments = [str(PHOTO), "--model", str(model), "--out", str(tmp_path / "out")]
    code = f"import sys\nfrom fau_tf.cli.predict import main\nsys.exit(main({arguments!r}))"
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=pipe, stderr=pipe, cwd=ROOT
    ) as process:
        process.stdout.close()
        printed = process.stderr.read().decode()
        assert process.wait() == 0, printed
    assert printed == ""
    assert len(results(tmp_path / "out")) == 2


def command(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, text=True, cwd=ROOT
    )


@pytest.mark.integration
def test_a_name_that_is_no_text_is_still_done(model, tmp_path):
    """Run as a command: the streams of a test take any character."""
    odd = tmp_path / os.fsdecode(b"caf\xe9\n.png")
    shutil.copy(PHOTO, odd)
    command = [sys.executable, "-m", "fau_tf.cli.predict", str(odd), "--model", str(model)]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert len(results(tmp_path / "out")) == 2


def test_a_folder_gives_one_csv_and_a_picture_of_each_photo(model, tmp_path, capsys):
    photos = tmp_path / "in"
    (photos / "deeper").mkdir(parents=True)
    shutil.copy(PHOTO, photos / "a.png")
    shutil.copy(PHOTO, photos / "deeper" / "a.jpg")
    (photos / "b.png").write_bytes(PHOTO.read_bytes()[:5000])
    (photos / "notes.txt").write_text("no picture")
    (photos / "self").symlink_to(photos)
    assert run(model, tmp_path / "out", photos) == 1
    assert str(photos / "b.png") in capsys.readouterr().err
    pictures = sorted(
        str(path.relative_to(tmp_path / "out")) for path in tmp_path.rglob("*_au.png")
    )
    assert pictures == ["in_au/a_au.png", "in_au/deeper/a_au.png"]
    found = rows(tmp_path / "out" / "in_au.csv")
    assert [row["frame"] for row in found] == ["1", "2", "3"]
    assert [row["source"] for row in found] == [
        str(photos / name) for name in ("a.png", "b.png", "deeper/a.jpg")
    ]
    assert [row["reason"] for row in found] == ["", "could not be read", ""]
    assert found[1]["AU12_r"] == "NaN"


def test_outputs_can_be_chosen(model, tmp_path, capsys):
    chosen = ["--jsonl", "--no-csv", "--no-draw", "--quiet"]
    assert run(model, tmp_path / "out", PHOTO, *chosen) == 0
    assert results(tmp_path / "out") == ["astronaut_au.jsonl"]
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_a_neutral_photo_gives_columns_of_intensities_above_it(model, tmp_path):
    dark = tmp_path / "dark.png"
    Image.fromarray(np.array(Image.open(PHOTO)) // 2).save(dark)
    assert run(model, tmp_path / "out", PHOTO, "--neutral", dark) == 0
    (row,) = rows(tmp_path / "out" / "astronaut_au.csv")
    assert row["processing"] == "neutral=dark.png"
    # The tiny model's intensity is brightness: half of it is left. Other landmarks are found on the
    # darker photo.
    assert float(row["AU12_above_neutral"]) == pytest.approx(float(row["AU12_r"]) / 2, rel=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--neutral", "median"], "--neutral median needs successive frames"),
        (["--smooth", "0.5,1"], "--smooth 0.5,1 needs successive frames"),
        (["--events"], "--events needs successive frames"),
        (["--eye-closure", "60"], "--eye-closure 60.0 needs successive frames"),
        (["--neutral", "none.png"], "none.png: cannot be opened"),
    ],
)
def test_processing_that_a_photo_cannot_have_ends_with_2(model, tmp_path, capsys, options, message):
    assert run(model, tmp_path / "out", PHOTO, *options) == 2
    assert message in capsys.readouterr().err


def test_a_name_with_a_leading_dash_needs_two_dashes_before_it(model, tmp_path, monkeypatch):
    shutil.copy(PHOTO, tmp_path / "-x.png")
    monkeypatch.chdir(tmp_path)
    assert predict.main(["--model", str(model), "--out", "out", "--", "-x.png"]) == 0
    assert results(tmp_path / "out") == ["-x_au.csv", "-x_au.png"]


@pytest.mark.parametrize("names", [[""], [PHOTO, ""]])
def test_an_empty_name_is_not_the_present_folder(model, tmp_path, capsys, monkeypatch, names):
    shutil.copy(PHOTO, tmp_path / "mine.png")
    monkeypatch.chdir(tmp_path)
    assert run(model, "out", *names) == 2
    assert "SOURCE: the name is empty" in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.integration
@pytest.mark.parametrize("streams", [[1], [2], [0, 1, 2]])
def test_streams_that_the_caller_has_closed_cost_no_results(model, tmp_path, streams):
    """`>&-` of a shell; what is opened next must not take the number of a stream."""
    arguments = [str(PHOTO), "--model", str(model), "--out", str(tmp_path / "out")]
    shell = f"import os, sys\n[os.close(n) for n in {streams}]\nos.execv(sys.argv[1], sys.argv[1:])"
    child = [sys.executable, "-m", "fau_tf.cli.predict", *arguments]
    done = subprocess.run(
        [sys.executable, "-c", shell, *child], capture_output=True, check=False, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert results(tmp_path / "out") == ["astronaut_au.csv", "astronaut_au.png"]
    (row,) = rows(tmp_path / "out" / "astronaut_au.csv")
    assert row["success"] == "1"


def test_a_folder_without_pictures_is_listed(model, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    assert run(model, tmp_path / "out", tmp_path / "in") == 1
    assert "in: no photos or videos found" in capsys.readouterr().err


def test_the_version_and_the_contract_are_printed(capsys):
    with pytest.raises(SystemExit) as ended:
        predict.main(["--version"])
    assert ended.value.code == 0
    assert f"fau-demo {fau_tf.__version__}, model contract 2" in capsys.readouterr().out
