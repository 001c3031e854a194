"""What `--evaluate` writes, with networks that predict one value."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fau_tf.codec import HeatmapCodec
from fau_tf.data.config import DataSettings
from fau_tf.data.splits import Fold
from fau_tf.evaluation import figures, stages
from fau_tf.evaluation.networks import Network
from fau_tf.evaluation.predictions import Predictions
from fau_tf.training import run_dir
from fau_tf.training.run_dir import RunDir
from tests.helpers.plain_faces import PlainFaces

SUBJECTS = [f"person{i:05d}" for i in range(4)]
DATA = DataSettings(dataset="disfa", root="x", protocol="three_folds", record_size=80)


FACES = PlainFaces("disfa", SUBJECTS)


def network(name, seed, fitted_on, population):
    def predict(batches):
        count = sum(len(images) for images, _ in batches)
        return np.random.default_rng(seed).uniform(0, 5, (count, 2)).astype(np.float32)

    codec = HeatmapCodec(64, 16, 1.0)
    return Network(name, (6, 12), codec, "fau", predict, population, frozenset(fitted_on))


@pytest.fixture
def evaluated(tmp_path, monkeypatch, capsys):
    for name in ("draw_agreement", "draw_scatter"):  # slow, and drawn in test_evaluate.py
        monkeypatch.setattr(figures, name, lambda *_: None)

    def call(*networks, path="bp4d"):
        sets = {"train": SUBJECTS[:1], "validation": SUBJECTS[1:2], "test": SUBJECTS[2:]}
        fold = Fold("", {name: tuple(names) for name, names in sets.items()})
        config = SimpleNamespace(data=DATA)
        with RunDir(tmp_path / "run") as run:
            stages.evaluate_saved(tmp_path / path, networks, run, config, FACES, [fold])
        return tmp_path / "run", capsys.readouterr().out

    return call


def test_every_network_predicts_all_subjects_of_other_data_with_a_table_of_its_own(evaluated):
    folder, printed = evaluated(*(network(f"fold{i}", i, SUBJECTS, "BP4D") for i in (1, 2, 3)))
    found = json.loads((folder / "evaluated_bp4d_networks.json").read_text())
    assert list(found["parts"]) == ["fold1", "fold2", "fold3"]
    values = []
    for name in found["parts"]:
        one = Predictions.load(folder / f"evaluated_bp4d_{name}_predictions.npz")
        assert set(one.subjects) == set(SUBJECTS)
        values.append(found["parts"][name]["mean"]["mae"])
        metrics = json.loads((folder / f"evaluated_bp4d_{name}_metrics.json").read_text())
        assert metrics["test"]["mean"]["mae"] == values[-1]
        assert metrics["published"] == []
        assert "was not trained in this run" in metrics["published_left_out"]
    assert found["mean"]["mean"]["mae"] == pytest.approx(np.mean(values))
    assert found["sd"]["mean"]["mae"] == pytest.approx(np.std(values, ddof=1))
    assert {"evaluated_bp4d_networks.csv", "evaluated_bp4d_networks.tex"} <= {
        path.name for path in folder.iterdir()
    }
    assert "published results are not shown" in printed
    assert "DRML" not in printed
    assert not (folder / "metrics.json").exists()


def test_one_network_of_other_data_has_intervals_over_all_subjects(evaluated):
    folder, _ = evaluated(network("bp4d", 1, SUBJECTS, "BP4D"))
    metrics = json.loads((folder / "evaluated_bp4d_metrics.json").read_text())
    assert sorted(metrics["by_subject"]) == SUBJECTS
    assert not (folder / "evaluated_bp4d_networks.json").exists()


def test_data_of_its_own_population_are_evaluated_on_test_subjects_only(evaluated):
    folder, printed = evaluated(network("run", 1, SUBJECTS[:2], "DISFA"))
    metrics = json.loads((folder / "evaluated_bp4d_metrics.json").read_text())
    assert sorted(metrics["by_subject"]) == SUBJECTS[2:]
    assert "DRML" not in printed


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("exp.1", "exp.1"),
        ("exp.2", "exp.2"),
        ("a/fold1", "a_fold1"),
        ("b/fold1", "b_fold1"),
        ("b/seed2/fold1", "b_seed2_fold1"),
        ("a/fau_exp.1_int8.tflite", "fau_exp.1_int8"),
    ],
)
def test_files_of_an_evaluation_are_named_after_the_whole_run(path, name, evaluated):
    folder, _ = evaluated(network("x", 1, SUBJECTS, "BP4D"), path=path)
    found = {file.name for file in folder.glob("evaluated_*")}
    assert found == {
        f"evaluated_{name}_{file}" for file in run_dir.EVALUATION if not file.endswith(".png")
    }


def test_records_that_are_too_small_are_refused_before_faces_are_prepared(monkeypatch):
    networks = [network("x", 1, SUBJECTS, "BP4D")]  # of 64 px
    monkeypatch.setattr(stages, "load_networks", lambda _path: networks)
    assert stages.load_saved(Path("x"), SimpleNamespace(data=DATA)) == networks
    small = SimpleNamespace(data=dataclasses.replace(DATA, record_size=78))
    with pytest.raises(ValueError, match=r"`data\.record_size` = 78\..*data\.record_size=80"):
        stages.load_saved(Path("x"), small)
