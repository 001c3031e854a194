import json
from types import SimpleNamespace

import numpy as np
import pytest

import train_keras
from fau_tf.data.splits import Fold
from fau_tf.evaluation import figures
from fau_tf.evaluation.predictions import Predictions
from fau_tf.training import run_state, setup
from fau_tf.training.checkpoint import CheckpointError
from fau_tf.training.config import load_config


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--set", "training.epoch=3"], "Did you mean `epochs`"),
        (["--set", "data.subjects=5"], "must be at least 10"),
        (["--runs", "README.md/x"], "Give another --runs"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
        (["--seeds", "2", "--set", "run.seed=0", "--set", "data.seed=0"], "Set data.seed"),
    ],
)
def test_a_mistake_ends_in_one_line_and_exit_code_2(more, message, monkeypatch, capsys):
    monkeypatch.setattr(setup, "make_deterministic", lambda _config: None)
    assert train_keras.main(more) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error:")
    assert message in line


def test_seeds_must_be_one_or_more_and_are_for_training():
    for more in (["--seeds", "0"], ["--seeds", "2", "--evaluate", "runs/x"]):
        with pytest.raises(SystemExit) as stopped:
            train_keras.main(more)
        assert stopped.value.code == 2


def test_seeds_differ_in_nothing_but_weights_order_and_augmentation():
    config = load_config(None, ["run.seed=7"])
    assert setup.make_seeds(config, 1) == {"": config}
    found = setup.make_seeds(config, 3)
    assert list(found) == ["seed7", "seed8", "seed9"]
    assert [one.run.seed for one in found.values()] == [7, 8, 9]
    assert {one.data_seed for one in found.values()} == {7}
    assert {one.data for one in found.values()} == {found["seed7"].data}
    assert all(one.training == config.training for one in found.values())


@pytest.fixture
def pretend(monkeypatch, tmp_path):
    """Run train_keras.py without faces and trainings; return what it trained, and its folder."""
    trained = []

    def train(config, run, _faces, fold, *_):
        trained.append((config.run.seed, run.path.relative_to(tmp_path).as_posix()))
        rng = np.random.default_rng(len(trained))
        coded = rng.integers(0, 6, (40, 2)).astype(np.float32)
        predicted = (coded + rng.normal(0, 1, coded.shape)).astype(np.float32)
        names = [fold.subjects["test"][0]] * 40
        Predictions(coded, predicted, names, ["AU06", "AU12"]).save(run / "predictions.npz")
        return []

    def call(folds, *more):
        others = {"train": ("a",), "validation": ("b",)}
        parts = [Fold(name, others | {"test": (f"t{i}",)}) for i, name in enumerate(folds)]
        monkeypatch.setattr(setup, "make_folds", lambda *_: parts)
        return train_keras.main(["--runs", str(tmp_path), "--set", "run.name=run", *more])

    monkeypatch.setattr(setup, "make_deterministic", lambda _config: None)
    faces = SimpleNamespace(name="synthetic-canonical", dropped=0, highest={})
    monkeypatch.setattr(setup, "prepare_faces", lambda *_: faces)
    monkeypatch.setattr(train_keras, "train", train)
    for name in ("draw_agreement", "draw_scatter"):  # slow, and drawn in test_evaluate.py
        monkeypatch.setattr(figures, name, lambda *_: None)
    return call, trained, tmp_path / "run"


def test_a_single_seed_has_no_folder_of_its_own(pretend):
    call, trained, run = pretend
    assert call([""]) == 0
    assert trained == [(1, "run")]
    assert not list(run.glob("*.json"))


def test_each_seed_has_its_folder_and_all_have_a_table(pretend, capsys):
    call, trained, run = pretend
    assert call([""], "--seeds", "3") == 0
    assert trained == [(1, "run/seed1"), (2, "run/seed2"), (3, "run/seed3")]
    found = json.loads((run / "seeds.json").read_text())
    assert list(found["parts"]) == ["seed1", "seed2", "seed3"]
    mean, sd = (found[name]["mean"]["icc"] for name in ("mean", "sd"))
    values = [one["mean"]["icc"] for one in found["parts"].values()]
    assert (mean, sd) == (pytest.approx(np.mean(values)), pytest.approx(np.std(values, ddof=1)))
    assert f"{mean:.3f} ± {sd:.3f}" in capsys.readouterr().out


def test_a_training_that_stops_leaves_no_summary_of_networks_that_are_gone(pretend, monkeypatch):
    call, _, run = pretend
    assert call(["fold1", "fold2"], "--seeds", "2") == 0
    before = {path.relative_to(run) for path in run.rglob("*.json")}
    assert len(before) == 1 + 2 * 2  # seeds.json; metrics.json and folds.json of two

    def stop(*_):
        raise KeyboardInterrupt

    (run / "metrics.json").touch()  # of a training without seeds
    monkeypatch.setattr(train_keras, "train", stop)
    assert call(["fold1", "fold2"], "--seeds", "2", "--fresh") == 130
    left = {path.relative_to(run).as_posix() for path in run.rglob("*.json")}
    assert left == {"metrics.json", "seed2/metrics.json", "seed2/folds.json"}  # not reached


def test_before_an_earlier_training_is_refused_nothing_is_removed(pretend, monkeypatch, capsys):
    call, _, run = pretend
    assert call(["fold1", "fold2"], "--seeds", "2") == 0
    before = sorted(run.rglob("*"))
    assert run / "seeds.json" in before

    def refuse(seeds, _faces, path, folds):
        assert (list(seeds), path, folds) == (["seed1", "seed2"], run, ["fold1", "fold2"])
        raise CheckpointError("a training of other settings")

    monkeypatch.setattr(run_state, "require_same_parts", refuse)
    assert call(["fold1", "fold2"], "--seeds", "2") == 2
    assert "error: a training of other settings" in capsys.readouterr().err
    assert sorted(run.rglob("*")) == before
    assert call(["fold1", "fold2"], "--seeds", "2", "--fresh") == 0


def test_seeds_of_folds_are_nested_and_pooled_before_their_spread(pretend):
    call, trained, run = pretend
    assert call(["fold1", "fold2"], "--seeds", "2") == 0
    assert [path for _, path in trained] == [
        "run/seed1/fold1", "run/seed1/fold2", "run/seed2/fold1", "run/seed2/fold2"
    ]  # fmt: skip
    seeds = json.loads((run / "seeds.json").read_text())
    for name in ("seed1", "seed2"):
        assert list(json.loads((run / name / "folds.json").read_text())["parts"]) == [
            "fold1", "fold2"
        ]  # fmt: skip
        pooled = json.loads((run / name / "metrics.json").read_text())
        assert seeds["parts"][name]["mean"] == pooled["test"]["mean"]
        assert (run / name / "folds.tex").is_file()
