"""The command that evaluates a model: what it writes, and its errors in one line."""

import json

import numpy as np
import pytest

from fau_tf.cli import evaluate as command
from fau_tf.evaluation import cross_rig, model_report
from fau_tf.evaluation.real_faces import photos
from fau_tf.evaluation.synthetic_test_set import SyntheticRun
from fau_tf.utils.markdown_tables import filled
from tests.helpers.tiny_run import SUBJECTS, settings, write_tiny_run
from tests.unit.evaluation.test_model_report import found as found

BOTH_RIGS = ('data.rigs=["canonical", "ict"]', "data.ict=ict.npz")
"""Settings of runs on two rigs, whose faces no test renders."""


@pytest.fixture
def runs(tmp_path):
    """Return a run on both rigs, and one trained on `ict` only."""
    for name, rigs in (("release", ()), ("on_ict", ('data.train_rigs=["ict"]',))):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.toml").write_text(settings(*BOTH_RIGS, *rigs))
        (folder / "people.json").write_text(json.dumps(SUBJECTS))
    return tmp_path / "release", tmp_path / "on_ict"


@pytest.fixture
def checkout(tmp_path, monkeypatch, found):
    """Return a checkout's folder, with evaluations that return the figures of `found`."""
    folder = tmp_path / "checkout"
    (folder / "docs" / "experiments").mkdir(parents=True)
    (folder / "docs" / "images").mkdir()
    (folder / "README.md").write_text("# T\n<!-- accuracy -->\nold\n<!-- end of accuracy -->\n")
    monkeypatch.setattr(command, "_ROOT", folder)
    own = {
        key: value for key, value in found.items() if key not in ("cross_rig", "photos", "videos")
    }
    own.pop("low_reliability")
    monkeypatch.setattr(cross_rig, "evaluate_run", lambda *_, **__: dict(own))
    monkeypatch.setattr(cross_rig, "evaluate_cross_rig", lambda *_, **__: found["cross_rig"][0])
    monkeypatch.setattr(photos, "evaluate_photos", lambda *_: found["photos"])
    return folder


def test_the_figures_are_published_and_kept_with_the_run(runs, checkout, tmp_path, capsys):
    run, on_ict = runs
    (run / "fau_tiny_float16.tflite").touch()
    options = ["--run", str(run), "--cross-rig", str(on_ict), "--photos", str(tmp_path), "--write"]
    assert command.main(options) == 0
    kept = json.loads((run / "accuracy.json").read_text())
    assert set(kept["low_reliability"]) == {"AU05"}
    page = (checkout / "docs" / "experiments" / "accuracy.md").read_text()
    assert page in capsys.readouterr().out
    readme = (checkout / "README.md").read_text()
    assert readme == filled(readme, "accuracy", model_report.readme_table(kept))
    assert "trained on ICT-FaceKit alone (cross-rig)" in readme
    assert (checkout / "docs" / "images" / "accuracy.png").is_file()


def test_photos_edited_for_the_card_count_on_the_page_too(runs, checkout):
    run, _ = runs
    edits = [{"edit": "jaw down", "median_rise": {"AU26": 0.1}}]
    (run / "real_faces.json").write_text(json.dumps({
        "collection": {"name": "london"}, "part": "test", "readers": {"model": {"edited": edits}},
    }))  # fmt: skip
    assert command.main(["--run", str(run), "--quick"]) == 0
    assert not (run / "accuracy.json").exists()
    assert command.main(["--run", str(run), "--write"]) == 0
    kept = json.loads((run / "accuracy.json").read_text())
    assert set(kept["low_reliability"]) == {"AU26"}
    page = (checkout / "docs" / "experiments" / "accuracy.md").read_text()
    assert "test part of `london`" in page
    assert "- AU26: largest median rise" in page
    (run / "real_faces.json").write_text("{}")
    assert command.main(["--run", str(run)]) == 2


@pytest.mark.usefixtures("checkout")
def test_figures_without_other_rigs_do_not_replace_those_with_some(runs):
    run, on_ict = runs
    (run / "real_faces.json").write_text(json.dumps({
        "collection": {"name": "london"}, "part": "test", "readers": {"model": {"edited": []}},
    }))  # fmt: skip
    assert command.main(["--run", str(run), "--cross-rig", str(on_ict)]) == 0
    before = json.loads((run / "accuracy.json").read_text())
    assert command.main(["--run", str(run)]) == 0
    assert json.loads((run / "accuracy.json").read_text()) == before


def test_what_a_call_is_not_asked_for_stays_in_any_order(runs, checkout, tmp_path, capsys):
    run, on_ict = runs
    (run / "fau_tiny_float16.tflite").touch()
    calls = [["--cross-rig", str(on_ict)], ["--photos", str(tmp_path)]]
    kept = []
    for order in (calls, calls[::-1], [[*calls[0], *calls[1]]]):
        (run / "accuracy.json").unlink(missing_ok=True)
        for call in order:
            assert command.main(["--run", str(run), *call, "--write"]) == 0
        kept.append(json.loads((run / "accuracy.json").read_text()))
        page = (checkout / "docs" / "experiments" / "accuracy.md").read_text()
        assert "evaluate --run RUN --cross-rig RUN... --photos FOLDER --write`" in page
        assert "nan" not in page.lower()  # AU9, whose blendshape never moves, was null in between
    assert kept[0] == kept[1] == kept[2]
    assert set(kept[0]["low_reliability"]) == {"AU05"}
    assert f"measured before, from {run / 'accuracy.json'}: cross_rig" in capsys.readouterr().out
    assert command.main(["--run", str(run), "--quick"]) == 0
    assert "measured before" not in capsys.readouterr().out


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("text", ["[", "[]", '{"photos": {"edited": []}}'])
def test_a_foreign_accuracy_json_is_refused_before_the_work(runs, capsys, monkeypatch, text):
    monkeypatch.setattr(cross_rig, "evaluate_run", None)  # the work
    run, _ = runs
    (run / "accuracy.json").write_text(text)
    assert command.main(["--run", str(run)]) == 2
    assert "accuracy.json: must be what" in capsys.readouterr().err
    assert (run / "accuracy.json").read_text() == text


@pytest.mark.parametrize("missing", ["block", "checkout"])
def test_publishing_needs_a_checkout(runs, checkout, capsys, missing):
    readme = checkout / "README.md"
    readme.unlink() if missing == "checkout" else readme.write_text("# T\n")
    run, on_ict = runs
    options = ["--run", str(run), "--cross-rig", str(on_ict), "--write"]
    assert command.main(options) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (run / "accuracy.json").exists()


@pytest.mark.usefixtures("checkout")
def test_without_a_search_for_low_reliability_aus_accuracy_json_stays(runs, tmp_path):
    run, on_ict = runs
    for options in (["--quick", "--cross-rig", str(on_ict)], ["--json", str(tmp_path / "f.json")]):
        assert command.main(["--run", str(run), *options]) == 0
        assert not (run / "accuracy.json").exists()
    assert "low_reliability" not in json.loads((tmp_path / "f.json").read_text())


@pytest.mark.usefixtures("checkout")
def test_errors_are_one_line(runs, tmp_path, capsys):
    run, _ = runs
    other = {}
    for name, changes, people in (
        ("table", ("data.dataset=csv", "data.root=faces.csv"), SUBJECTS),
        ("all", ("data.protocol=all",), SUBJECTS | {"test": []}),
        ("fewer", (*BOTH_RIGS, 'data.train_rigs=["ict"]', "model.aus=[6, 12]"), SUBJECTS),
        ("empty", None, None),
    ):
        other[name] = folder = tmp_path / name
        folder.mkdir()
        if changes:
            (folder / "config.toml").write_text(settings(*changes))
            (folder / "people.json").write_text(json.dumps(people))
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "config.toml").write_text(settings())
    for options, text in (
        (["--run", str(other["empty"])], "config.toml: no such file"),
        (["--run", str(tmp_path / "unfinished")], "people.json can't be read: No such file"),
        (["--run", str(other["table"])], "got data.dataset = 'csv'. Figures of this run are in"),
        (["--run", str(other["all"])], "got no test subjects"),
        (["--run", str(run), "--cross-rig", str(other["fewer"])], "got AU06, AU12. Train it with"),
        (["--run", str(run), "--cross-rig", str(run)], "trained on some of its rigs only: got"),
        (["--run", str(run), "--photos", str(tmp_path)], "no fau_*_float16.tflite found"),
    ):
        assert command.main(options) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert text in error
        assert error.count("\n") == 1


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--run", "r", "--write", "--quick"],
        ["--run", "r", "--write", "--no-baseline"],
    ],
)
def test_wrong_usage_exits_with_2(options):
    with pytest.raises(SystemExit) as caught:
        command.main(options)
    assert caught.value.code == 2


def test_an_interruption_exits_with_130(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(SyntheticRun, "load", interrupted)
    assert command.main(["--run", "r"]) == 130
    assert "nothing was written" in capsys.readouterr().err


def test_the_crop_error_of_rendered_faces_is_printed_as_a_table(monkeypatch, capsys):
    from fau_tf.evaluation import alignment_error

    monkeypatch.setattr(alignment_error, "rendered_errors", lambda *_: np.zeros((3, 4)))
    monkeypatch.setitem(command.RIGS, "canonical", lambda _: None)
    assert command.main(["alignment", "--rigs", "canonical"]) == 0
    assert "| rendered, canonical | 3 | 0 |" in capsys.readouterr().out


@pytest.mark.integration
def test_a_run_is_evaluated_from_its_folder(tmp_path, monkeypatch):
    """A run on 10 synthetic faces: the figures of its test subjects, and of the baseline."""
    from fau_tf.evaluation import blendshape_baseline
    from fau_tf.training import calibrate
    from fau_tf.training.config import load_config
    from fau_tf.training.run_dir import RunDir

    path = write_tiny_run(tmp_path / "run")
    spec = load_config(path / "config.toml").model
    rng = np.random.default_rng(0)
    coded, peaks = (rng.uniform(0, 5, (200, n)) for n in spec.to_au.shape[::-1])
    subjects = [f"person{i:05d}" for i in range(200)]
    with RunDir(path) as run:
        calibrate.calibrate(coded, peaks, subjects, spec, fit_curves=False).save(run)
    people = SUBJECTS | {"test": SUBJECTS["train"]}  # more than two of them
    (path / "people.json").write_text(json.dumps(people))
    monkeypatch.setattr(blendshape_baseline, "_scores", lambda p, _: rng.uniform(size=(len(p), 52)))
    options = ["--run", str(path), "--data", str(tmp_path / "data")]
    assert command.main([*options, "--json", str(tmp_path / "found.json")]) == 0
    kept = json.loads((tmp_path / "found.json").read_text())
    assert (kept["test_faces"], kept["test_subjects"], kept["training_subjects"]) == (6, 6, 6)
    mae = kept["groups"]["canonical"]["mean"]["mae"]
    assert 0 < mae < 5
    # Fitted on the test faces, here.
    assert kept["baseline"]["groups"]["canonical"]["mean"]["mae"] < mae
    assert set(kept["coverage_by_group"]) == set(kept["groups"]) == {"canonical", "canonical, fast"}
    run = SyntheticRun.load(path)
    across = cross_rig.evaluate_cross_rig(run, tmp_path / "data", baseline=True)
    assert across["trained_on"] == ["canonical"]
    assert across["groups"]["canonical"]["mean"]["mae"] == mae
    # The blendshapes are cached, so both fit the same baseline.
    baseline = across["baseline"]["groups"]["canonical"]["mean"]["mae"]
    assert baseline == kept["baseline"]["groups"]["canonical"]["mean"]["mae"]
