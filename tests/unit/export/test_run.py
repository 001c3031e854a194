"""What of a run folder is read, what is refused, and the faces that a run is exported with."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export import run as exported
from export.run import (
    RunError,
    labeled,
    load_run,
    load_test_faces,
    representative_faces,
    require_shown,
    run_part,
)
from fau_tf.conformal import fit_intervals
from fau_tf.data.datasets import prepare_synthetic
from fau_tf.data.synthetic_set import SyntheticSet
from fau_tf.training.config import ConfigError
from fau_tf.training.run_dir import model_name
from tests.helpers.tiny_run import (
    FRAMES,
    RARE,
    REAL_SUBJECTS,
    SUBJECTS,
    settings,
    write_real_run,
    write_tiny_run,
)

pytestmark = pytest.mark.integration  # networks are converted: seconds each


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_tiny_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def run(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def test_a_run_is_its_settings_and_its_network(whole):
    found = load_run(whole)
    assert (found.path, found.config.run.name) == (whole, "tiny")
    assert found.net.input_shape == (None, 64, 64, 3)


def test_a_run_from_before_its_version_was_noted_is_of_version_1(run):
    (run / "versions.json").write_text('{"keras": "3"}')
    load_run(run)
    (run / "versions.json").unlink()
    load_run(run)


def test_a_runs_intervals_and_weak_aus_go_into_each_json(run):
    assert load_run(run).facts == {}
    labels = load_run(run).config.model.labels
    exact = np.zeros((99, len(labels)))
    sure = fit_intervals(exact, exact).as_json(labels)
    curves = {label: {"gain": 2.0, "threshold": 0.0} for label in labels}
    entry = {"contract_version": 1, "curves": curves, "intervals": sure}
    (run / "calibration.json").write_text(json.dumps(entry))
    (run / "accuracy.json").write_text('{"low_reliability": {"AU10": "reads poorly"}, "run": "x"}')
    found = load_run(run)
    assert found.facts == {"intervals": sure, "low_reliability": {"AU10": "reads poorly"}}
    head = found.net.get_layer("heatmaps").get_weights()[0]
    (run / "calibration.json").unlink()
    np.testing.assert_allclose(head, 2 * load_run(run).net.get_layer("heatmaps").get_weights()[0])


def test_the_coverage_on_test_subjects_goes_into_each_json(run):
    metrics = {
        "coverage": {"level": 0.9, "mean": {"covered": 0.876, "width": 1.6}},
        "data": {"name": "synthetic-canonical", "test_subjects": 120},
    }
    (run / "metrics.json").write_text(json.dumps(metrics))
    expected = {"covered": 0.876, "test_subjects": 120, "dataset": "synthetic-canonical"}
    assert load_run(run).facts == {"coverage": expected}
    (run / "metrics.json").write_text('{"coverage": {"level": 0.9}}')
    with pytest.raises(RunError, match=r"metrics.json: must have the coverage on test subjects"):
        load_run(run)


def test_the_runs_own_faces_are_used_where_they_are_there(run, tmp_path):
    found = load_run(run)
    config = found.config
    data = tmp_path / "data"
    lines = []
    part = run_part(found, "test", 1, data, log=lines.append)
    assert len(part.subjects) == 1
    (other,) = data.iterdir()  # rendered for one person
    prepare_synthetic(SyntheticSet.of(config.data, config.data_seed), data, processes=1, log=print)
    own = run_part(found, "test", 1, data, log=lines.append)
    assert len(list(data.iterdir())) == 2
    assert own.faces.files[0].parent != other
    assert own.subjects == part.subjects
    np.testing.assert_array_equal(
        labeled(own, config, "test").images, labeled(part, config, "test").images
    )


def _a_file(run):
    shutil.rmtree(run)
    run.write_text("")


def _cut(run):
    whole = (run / "best.keras").read_bytes()
    (run / "best.keras").write_bytes(whole[: len(whole) // 2])


def _content(name, content):
    return lambda run: (run / name).write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (shutil.rmtree, RunError, "must hold config.toml, but there is no such folder"),
        (_a_file, RunError, "must hold config.toml, but there is no such folder"),
        (lambda run: (run / "best.keras").unlink(), RunError, "best.keras, but it has none"),
        (
            lambda run: (run / "people.json").unlink(),
            RunError,
            "finished run must hold people.json",
        ),
        (
            _content("people.json", b'{"train": ["person00001"], "test": []}'),
            RunError,
            "has none for validation",
        ),
        (
            _content("people.json", b'{"train": [], "validation": [], "test": ["person00001"]}'),
            RunError,
            "has none for train",
        ),
        (_cut, RunError, "must be the network that train_keras.py saved"),
        (_content("best.keras", b""), RunError, "must be the network that train_keras.py saved"),
        (
            _content("config.toml", settings('model.aus="disfa"').encode()),
            RunError,
            r"got \(64, 64, 3\) -> .*, unlike config.toml",
        ),
        (_content("config.toml", b"[[["), ConfigError, "must be a readable TOML file"),
        (_content("config.toml", b"\xff\xfe"), ConfigError, "must be a readable TOML file"),
        (_content("versions.json", b'{"contract_version": 9}'), RunError, "must be 1 or 2: got 9"),
        (_content("accuracy.json", b"["), RunError, "accuracy.json: must be JSON"),
        (_content("real_faces.json", b"{}"), RunError, "must be what .* writes: got"),
        (_content("real_faces.json", b'{"part": 1}'), RunError, "KeyError"),
        (_content("versions.json", b"{"), RunError, "versions.json: must be JSON"),
        (_content("versions.json", b"[1]"), RunError, "versions.json: must be a JSON object"),
    ],
)
def test_a_run_that_is_none_is_refused(damage, error, message, run):
    damage(run)
    with pytest.raises(error, match=message):
        load_run(run)


def test_parts_have_different_subjects_and_have_as_many_faces_as_asked_for(whole, tmp_path):
    run = load_run(whole)
    config = run.config
    parts = [run_part(run, part, 8, tmp_path, log=str) for part in SUBJECTS]
    for part, subjects in zip(parts, SUBJECTS.values(), strict=True):
        assert part.subjects
        assert set(part.subjects) <= set(subjects)
    for part in parts:
        faces = labeled(part, config, "test")
        assert len(faces.images) == len(faces.intensity) >= 8
        assert faces.images.shape[1:] == (64, 64, 3)
        assert faces.subjects == len(part.subjects)
        assert np.ptp(faces.images, axis=0).max() > 50, "faces differ"


def _real(place, **subjects):
    data = place / "data"
    return load_run(
        write_real_run(place / "own/fold2", data, subjects=REAL_SUBJECTS | subjects)
    ), data


def test_a_fold_on_real_faces_is_tested_on_its_own_records_without_their_source(tmp_path):
    run, data = _real(tmp_path)
    assert run.name == "own_fold2"
    require_shown(run, data)
    test = load_test_faces(run, data, log=print)
    assert (len(test.images), test.subjects, test.part) == (2 * FRAMES, 2, "test")
    assert (test.name, test.synthetic) == ("csv", False)
    assert np.ptp(test.images, axis=0).max() > 50, "faces differ"
    assert (test.intensity[:, 2] > 0).sum() == RARE
    few = run_part(run, "test", 20, data, log=print)
    found = labeled(few, run.config, "test").intensity
    spaced = np.linspace(0, 2 * FRAMES - 1, 20).round().astype(int)
    assert set(map(tuple, test.intensity[spaced])) <= set(map(tuple, found))
    assert (found[:, 2] > 0).sum() == RARE, "all of a rare AU"


@pytest.mark.parametrize(
    ("subjects", "part", "faces"),
    [
        ({"test": []}, "validation", FRAMES),
        ({"test": [], "validation": []}, "train", 2 * FRAMES),
    ],
)
def test_a_run_on_all_subjects_is_tested_on_those_it_has(tmp_path, subjects, part, faces):
    run, data = _real(tmp_path, **subjects)
    test = load_test_faces(run, data, log=print)
    assert (test.part, len(test.images)) == (part, faces)
    assert representative_faces(run, data, log=print).part == part


def test_records_that_are_gone_are_made_again_by_a_command(tmp_path, monkeypatch):
    run, data = _real(tmp_path)
    shutil.rmtree(data)
    message = r"csv-0123456789: must hold the face records.*prepare .*fold2/config.toml --data"
    for use in (require_shown, lambda *given: load_test_faces(*given, log=print)):
        with pytest.raises(RunError, match=message):
            use(run, data)
    # a run that didn't note the folder asks the source
    with pytest.raises(ValueError, match=r"gone\.csv: must be a readable CSV file"):
        require_shown(replace(run, records=""), data)
    monkeypatch.setattr(exported, "index_dataset", lambda _: None)
    monkeypatch.setattr(exported, "dataset_folder", lambda *_: data / "csv-other")
    with pytest.raises(RunError, match="csv-other: must hold"):
        require_shown(replace(run, records=""), data)


def test_an_au_that_no_training_face_shows_is_not_exported(tmp_path):
    run, data = _real(tmp_path, train=["s4"], test=["s0", "s1"])  # AU25 of s4 is always 0
    with pytest.raises(ValueError, match=r"none for AU25.*model.aus=\[6, 12\]"):
        require_shown(run, data)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("own", "own"), ("own/fold2", "own_fold2"), ("own/seed3", "own_seed3"),
        ("own/seed3/fold2", "own_seed3_fold2"), ("renamed/fold10", "own_fold10"), ("other", "own"),
    ],
)  # fmt: skip
def test_models_are_named_after_run_seed_and_fold(folder, name):
    assert model_name("own", Path("runs") / folder) == name
    assert model_name("fold1", Path("runs/fold1/fold2")) == "fold1_fold2"


def test_a_run_with_folds_names_them(tmp_path):
    run, _ = _real(tmp_path)
    message = r"each: .*own/fold2\. Name one, or .*fold2/config.toml --set data.protocol=all"
    with pytest.raises(RunError, match=message):
        load_run(run.path.parent)
