"""What all commands share: a result that can't be written is refused before the work."""

from pathlib import Path

import pytest

from fau_tf.cli import evaluate, quality, synthesize
from fau_tf.cli.command import require_file
from fau_tf.evaluation import cross_rig
from fau_tf.evaluation.quality import occlusion_training, score_table
from fau_tf.evaluation.real_faces import evaluate as real_faces
from fau_tf.evaluation.synthetic_test_set import SyntheticRun
from fau_tf.synthetic.rigs.ict import convert

MEASURE = (quality, ["measure"])
RUN = (evaluate, ["--run", "RUN"])
REAL_FACES = (evaluate, ["real-faces", "photos"])


@pytest.fixture
def work(monkeypatch, tmp_path):
    """Return what has begun of the work of all commands; the current folder is empty."""
    begun = []

    def begin(*_, **__):
        begun.append("work")
        raise AssertionError("the work has begun")

    monkeypatch.setattr(SyntheticRun, "load", lambda *_, **__: None)
    for module, name in (
        (cross_rig, "evaluate_run"),
        (real_faces, "evaluate_folder"),
        (score_table, "Reader"),
        (occlusion_training, "rendered_sources"),
        (convert, "convert"),
    ):
        monkeypatch.setattr(module, name, begin)
    monkeypatch.chdir(tmp_path)
    return begun


@pytest.mark.parametrize(
    ("command", "option"),
    [
        *(((module, [*given, "--json"]), "--json") for module, given in (RUN, REAL_FACES, MEASURE)),
        ((quality, ["train", "--out"]), "--out"),
        ((synthesize, ["convert-ict", "download"]), "FILE"),
    ],
)
@pytest.mark.parametrize("path", ["missing/x.npz", "."])
def test_a_result_that_has_no_place_is_refused_before_the_work(work, capsys, command, option, path):
    module, options = command
    assert module.main([*options, path]) == 2
    error = capsys.readouterr().err
    assert f"{option} must name a file in a folder that exists. Received: {path}." in error
    assert error.count("\n") == 1
    assert not work


@pytest.mark.parametrize("command", [RUN, REAL_FACES, MEASURE])
@pytest.mark.parametrize("there", ["docs", "docs/experiments", "docs/images"])
def test_publishing_is_refused_before_the_work_without_a_checkout(
    work, monkeypatch, tmp_path, capsys, command, there
):
    module, options = command
    (tmp_path / there).mkdir(parents=True)
    (tmp_path / "README.md").write_text("<!-- accuracy -->\n<!-- end of accuracy -->\n")
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    assert module.main([*options, "--write"]) == 2
    assert "--write needs a checkout." in capsys.readouterr().err
    assert not work


def test_photos_without_a_model_are_refused_before_the_work(work, tmp_path, capsys):
    assert evaluate.main(["--run", str(tmp_path), "--photos", "photos"]) == 2
    assert "no fau_*_float16.tflite found" in capsys.readouterr().err
    assert not work


def test_a_file_that_is_not_there_yet_may_be_written(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").touch()
    for path in (None, Path("x.json"), Path("there"), tmp_path / "x.json"):
        require_file("--json", path)
