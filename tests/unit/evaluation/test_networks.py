"""The networks of a run, in the order of seeds and folds."""

import pytest

from fau_tf.evaluation import networks
from fau_tf.evaluation.networks import load_networks


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
