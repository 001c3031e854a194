import csv
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fau_tf.cli import predict
from tests.helpers.tiny_model import write_tiny_model

ROOT = Path(__file__).parents[3]
PHOTO = ROOT / "docs" / "sample" / "astronaut.png"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def run(model, out, *arguments):
    return predict.main([*map(str, arguments), "--model", str(model), "--out", str(out)])


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def results(folder):
    return sorted(path.name for path in folder.iterdir())


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
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_a_neutral_photo_gives_columns_of_their_own(model, tmp_path):
    dark = tmp_path / "dark.png"
    Image.fromarray(np.array(Image.open(PHOTO)) // 2).save(dark)
    assert run(model, tmp_path / "out", PHOTO, "--neutral", dark) == 0
    (row,) = rows(tmp_path / "out" / "astronaut_au.csv")
    assert row["processing"] == "neutral=dark.png"
    raw, calibrated = float(row["AU12_r"]), float(row["AU12_cal"])
    # The tiny model's intensity is brightness: half of it is left.
    assert 0 < calibrated < raw
    assert calibrated == pytest.approx(raw / 2, rel=0.1)  # other landmarks on the darker photo


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--neutral", "median"], "needs frames that follow each other"),
        (["--smooth", "0.5"], "needs frames that follow each other"),
        (["--neutral", "none.png"], "none.png: cannot be opened"),
    ],
)
def test_processing_that_a_photo_cannot_have_ends_with_2(model, tmp_path, capsys, options, said):
    assert run(model, tmp_path / "out", PHOTO, *options) == 2
    assert said in capsys.readouterr().err


def test_a_neutral_photo_without_a_face_ends_with_2(model, tmp_path, capsys):
    Image.new("RGB", (200, 100), "teal").save(tmp_path / "wall.png")
    assert run(model, tmp_path / "out", PHOTO, "--neutral", tmp_path / "wall.png") == 2
    assert "must show one face that can be read. Received: 0 faces" in capsys.readouterr().err


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
    assert "must hold photos or videos" in capsys.readouterr().err


def test_the_version_and_the_contract_are_told(capsys):
    with pytest.raises(SystemExit) as ended:
        predict.main(["--version"])
    assert ended.value.code == 0
    assert "fau-demo 0.1.0, model contract 1" in capsys.readouterr().out
