import keras
import pytest
import tensorflow as tf

from fau_tf.training import setup
from fau_tf.training.config import dump_toml, load_config


@pytest.fixture
def asked(monkeypatch):
    """Return what TensorFlow was asked for; nothing of this process changes."""
    found = []
    threads = tf.config.threading
    for name in ("set_intra_op_parallelism_threads", "set_inter_op_parallelism_threads"):
        monkeypatch.setattr(threads, name, lambda count, name=name: found.append((name, count)))
    monkeypatch.setattr(threads, "get_intra_op_parallelism_threads", lambda: 0)
    monkeypatch.setattr(threads, "get_inter_op_parallelism_threads", lambda: 0)
    experimental = tf.config.experimental
    monkeypatch.setattr(
        experimental, "enable_op_determinism", lambda: found.append(("determinism", None))
    )
    monkeypatch.setattr(keras.utils, "set_random_seed", lambda seed: found.append(("seed", seed)))
    return found


def test_a_run_is_deterministic_unless_it_says_otherwise(asked):
    setup.make_deterministic(load_config(None, ["run.seed=5", "training.threads=3"]))
    assert asked == [
        ("set_intra_op_parallelism_threads", 3),
        ("seed", 5),
        ("set_inter_op_parallelism_threads", 1),
        ("determinism", None),
    ]


def test_without_determinism_operators_run_side_by_side_and_the_seed_stays(asked, tmp_path):
    config = load_config(None, ["training.deterministic=false", "run.seed=5"])
    setup.make_deterministic(config)
    assert asked == [("set_intra_op_parallelism_threads", 2), ("seed", 5)]
    (tmp_path / "config.toml").write_text(dump_toml(config))
    assert not load_config(tmp_path / "config.toml").training.deterministic


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model.backbone=resnet", "`backbone` must be one of .*Received: 'resnet'"),
        ("model.upsample=bilinear", "`upsample` must be one of"),
        ("model.k=-1", "`k` must be 1 to"),
    ],
)
def test_a_network_that_can_not_be_built_is_refused_before_faces_are_prepared(change, message):
    with pytest.raises(ValueError, match=message):
        setup.require_network(load_config(None, [change]))
