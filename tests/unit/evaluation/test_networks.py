"""The networks of a run, in the order of seeds and folds, and what they were fitted on."""

import json
from types import SimpleNamespace

import pytest

from fau_tf.codec import HeatmapCodec
from fau_tf.evaluation import networks
from fau_tf.evaluation.networks import load_networks, population_of
from fau_tf.inference import interpreter
from tests.helpers.faces import info


@pytest.mark.parametrize(
    ("folders", "wanted"),
    [
        (["run"], ["run"]),
        (["run", "run/fold1"], ["run"]),  # of an earlier run with folds
        (["run/fold10", "run/fold2", "run/fold1"], ["fold1", "fold2", "fold10"]),
        (["run/seed2", "run/seed1"], ["seed1", "seed2"]),
        (
            ["run/seed10/fold1", "run/seed9/fold2", "run/seed9/fold1"],
            ["seed9/fold1", "seed9/fold2", "seed10/fold1"],
        ),
        (["run/fold1", "run/old", "run/fold1/copy"], ["fold1"]),
    ],
)
def test_networks_are_those_of_seeds_and_folds(folders, wanted, tmp_path, monkeypatch):
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "best.keras").touch()
    monkeypatch.setattr(networks, "_trained", lambda _folder, name: name)
    assert load_networks(tmp_path / "run") == wanted


def test_a_path_without_a_network_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds no best\.keras, nor do its folds and seeds"):
        load_networks(tmp_path)
    with pytest.raises(ValueError, match="doesn't exist"):
        load_networks(tmp_path / "nowhere")


OLDER_NAMES = ("synthetic-canonical", "synthetic-canonical-anny-ict")


@pytest.mark.parametrize("name", OLDER_NAMES)
def test_a_run_that_stored_the_name_of_its_synthetic_set_is_of_their_population(
    name, tmp_path, monkeypatch
):
    spec = SimpleNamespace(au_numbers=[12], codec=HeatmapCodec(64, 16, 1.0), rule="fau")
    monkeypatch.setattr(networks, "load_config", lambda _: SimpleNamespace(model=spec))
    monkeypatch.setattr(networks, "calibrated_network", lambda *_: None)
    (tmp_path / "best.keras").touch()
    people = {"population": name, "train": ["person00000"], "validation": ["person00001"]}
    (tmp_path / "people.json").write_text(json.dumps(people))
    (found,) = load_networks(tmp_path)
    assert found.population == population_of("synthetic-anny")
    assert found.fitted_on == {"person00000", "person00001"}


@pytest.mark.parametrize("name", OLDER_NAMES)
def test_a_model_exported_from_synthetic_faces_is_of_their_population(name, tmp_path, monkeypatch):
    monkeypatch.setattr(interpreter, "AUInterpreter", lambda _: SimpleNamespace(info=info((12,))))
    (tmp_path / "a.json").write_text(json.dumps({"training_data": {"name": name}}))
    (found,) = load_networks(tmp_path / "a.tflite")
    assert found.population == population_of("synthetic-anny")
