import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fau_tf import facs
from fau_tf.cli import predict
from tests.helpers.tiny_model import write_tiny_model

ROOT = Path(__file__).parents[3]
PHOTO = ROOT / "docs" / "sample" / "astronaut.png"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def run(model, out, *images):
    return predict.main([*map(str, images), "--model", str(model), "--out", str(out)])


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def results(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_photo_gives_a_table_a_picture_and_a_csv_file(model, tmp_path, capfd):
    assert run(model, tmp_path / "out", PHOTO) == 0
    said = capfd.readouterr()
    assert "1 face" in said.out
    assert all(au.label in said.out and au.name in said.out for au in facs.AUS.values())
    assert said.err == ""
    assert results(tmp_path / "out") == ["astronaut_au.csv", "astronaut_au.png"]
    (row,) = rows(tmp_path / "out" / "astronaut_au.csv")
    values = [float(row[f"{au.label}_r"]) for au in facs.AUS.values()]
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


def test_it_says_when_there_may_be_more_faces_than_were_wanted(model, tmp_path, capsys):
    out = ["--model", str(model), "--out", str(tmp_path)]
    assert predict.main([str(PHOTO), *out, "--faces", "1"]) == 0
    assert "--faces for more" in capsys.readouterr().out
    assert predict.main([str(PHOTO), *out, "--faces", "2"]) == 0
    assert "--faces for more" not in capsys.readouterr().out


def test_a_photo_without_a_face_is_a_nan_row_with_its_reason(model, tmp_path, capsys):
    Image.new("RGB", (200, 100), "teal").save(tmp_path / "wall.png")
    assert run(model, tmp_path / "out", tmp_path / "wall.png") == 0
    assert "no face found" in capsys.readouterr().out
    (row,) = rows(tmp_path / "out" / "wall_au.csv")
    assert (row["success"], row["AU12_r"], row["AU12_c"]) == ("0", "NaN", "NaN")
    assert row["reason"] == "no face found"
    assert results(tmp_path / "out") == ["wall_au.csv", "wall_au.png"]


def test_unreadable_photos_among_others_are_listed_and_the_others_done(model, tmp_path, capsys):
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "cut.png").write_bytes(PHOTO.read_bytes()[:5000])
    bad = [tmp_path / "text.jpg", tmp_path / "none.png", tmp_path / "cut.png"]
    assert run(model, tmp_path / "out", bad[0], PHOTO, *bad[1:]) == 1
    listed = capsys.readouterr().err.strip().splitlines()
    assert listed[0] == "Not read:"
    assert [line.split(":")[0].strip() for line in listed[1:]] == [str(path) for path in bad]
    assert results(tmp_path / "out") == ["astronaut_au.csv", "astronaut_au.png"]


def test_paths_that_lead_nowhere_are_listed_and_the_others_done(model, tmp_path, capsys):
    loop = tmp_path / "loop.png"
    loop.symlink_to(loop)
    bad = [tmp_path / ("n" * 300 + ".png"), loop, PHOTO / "inside"]
    assert run(model, tmp_path / "out", *bad, PHOTO) == 1
    listed = capsys.readouterr().err.strip().splitlines()
    assert [line.split(":")[0].strip() for line in listed[1:]] == [str(path) for path in bad]
    assert results(tmp_path / "out") == ["astronaut_au.csv", "astronaut_au.png"]


def test_a_name_as_long_as_can_be_gets_results(model, tmp_path):
    for name in ("n" * 251 + ".png", "n" * 250 + "m.png"):
        shutil.copy(PHOTO, tmp_path / name)
    assert run(model, tmp_path / "out", *sorted(tmp_path.glob("*.png"))) == 0
    assert len(results(tmp_path / "out")) == 4


def test_photos_of_the_same_name_get_results_of_their_own(model, tmp_path):
    copy = tmp_path / PHOTO.name
    shutil.copy(PHOTO, copy)
    assert run(model, tmp_path / "out", PHOTO, copy) == 0
    names = ["astronaut_2_au", "astronaut_au"]
    assert results(tmp_path / "out") == [f"{n}.{kind}" for n in names for kind in ("csv", "png")]


def test_results_never_replace_a_photo(model, tmp_path, capsys):
    for name in ("x.png", "x_au.png"):
        shutil.copy(PHOTO, tmp_path / name)
    before = (tmp_path / "x_au.png").read_bytes()
    assert run(model, tmp_path, tmp_path / "x.png", tmp_path / "x_au.png") == 2
    assert "must not replace a source" in capsys.readouterr().err
    assert (tmp_path / "x_au.png").read_bytes() == before


def test_a_missing_model_ends_with_2_and_one_line_before_anything_is_written(tmp_path, capsys):
    assert run(tmp_path / "none.tflite", tmp_path / "out", PHOTO) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "none.tflite: the model must be readable" in said
    assert not (tmp_path / "out").exists()


def test_a_corrupt_model_ends_with_2(model, tmp_path, capsys):
    shutil.copy(model.with_suffix(".json"), tmp_path / "x.json")
    (tmp_path / "x.tflite").write_bytes(model.read_bytes()[:-1])
    assert run(tmp_path / "x.tflite", tmp_path / "out", PHOTO) == 2
    assert "SHA-256" in capsys.readouterr().err


@pytest.mark.parametrize("inside", ["", "deeper", "n" * 300])
def test_an_output_that_cannot_be_a_folder_ends_with_2_and_one_line(
    model, tmp_path, capsys, inside
):
    (tmp_path / "out").write_text("mine")
    out = tmp_path / "out" / inside
    assert run(model, out, PHOTO) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("fau-demo: error: --out: must be a folder, or a path where one can be")
    assert f"Received: {out} (" in said
    assert "Choose another folder." in said
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


def test_a_failed_write_leaves_nothing_half_written(model, tmp_path, capsys, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    assert run(model, tmp_path / "out", PHOTO) == 2
    said = capsys.readouterr().err
    rule = "must be written whole. Received: No space left on device. What"
    assert said.startswith(f"fau-demo: error: {tmp_path / 'out'}: {rule}")
    assert said.count("\n") == 1
    # The rows before the failure stay.
    assert results(tmp_path / "out") == ["astronaut_au.csv"]
    assert len(rows(tmp_path / "out" / "astronaut_au.csv")) == 1


def test_a_file_that_grows_too_large_ends_with_2_and_whole_rows(model, tmp_path):
    """The limit of a file's size stands for a full disk, which a test can't have."""
    for name in "abcdefgh":
        Image.new("RGB", (40, 30), "teal").save(tmp_path / f"{name}.png")
    code = (
        "import resource, sys\n"
        "from fau_tf.cli.predict import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1700, -1))\n"
        f"code = main([{str(tmp_path)!r}, '--model', {str(model)!r}, '--no-draw', "
        f"'--out', {str(tmp_path / 'out')!r}])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))\n"  # coverage writes too
        "sys.exit(code)"
    )
    done = command(code)
    assert done.returncode == 2, done.stderr
    # The file that it is, which the system's own message doesn't say.
    assert f"{tmp_path.name}_au.csv: must be written whole. Received: File too large" in done.stderr
    assert done.stderr.count("\n") == 1
    kept = rows(tmp_path / "out" / f"{tmp_path.name}_au.csv")
    assert 1 <= len(kept) < 8
    assert all(row["reason"] == "no face found" for row in kept)


def test_a_closed_pipe_costs_no_results(model, tmp_path):
    arguments = [str(PHOTO), "--model", str(model), "--out", str(tmp_path / "out")]
    code = f"import sys\nfrom fau_tf.cli.predict import main\nsys.exit(main({arguments!r}))"
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=pipe, stderr=pipe, cwd=ROOT
    ) as process:
        process.stdout.close()
        said = process.stderr.read().decode()
        assert process.wait() == 0, said
    assert said == ""
    assert len(results(tmp_path / "out")) == 2


def command(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=False, text=True, cwd=ROOT
    )


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
