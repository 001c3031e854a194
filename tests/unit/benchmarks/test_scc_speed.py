import numpy as np
import pytest

from benchmarks import scc
from fau_tf.models.scc.semantic_correspondence import SemanticCorrespondence
from tests.helpers.layer_checks import assert_close

SIZE = {"channels": 64, "size": 256, "batch": 8, "k": 3}


@pytest.mark.parametrize("training", [False, True])
def test_the_naive_layer_computes_the_same(training: bool) -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 8)).astype("float32")
    naive, ours = scc.NaiveCorrespondence(k=3), SemanticCorrespondence(k=3)
    naive.build(x.shape)
    ours.build(x.shape)
    kernel = np.asarray(naive.conv.kernel)[0, 0]  # (2D, D)
    gamma, beta, mean, variance = naive.norm.get_weights()
    ours.set_weights([kernel[:20], kernel[20:], gamma, beta, mean, variance])
    # float32 sums in another order
    assert_close(ours(x, training=training), naive(x, training=training), 1e-5)
    assert_close(ours.moving_variance, naive.norm.moving_variance, 1e-6)


def test_a_child_measures_every_figure() -> None:
    seconds = scc.times(**SIZE, repeats=1)
    assert set(seconds) == {
        "forward_ours",
        "forward_naive",
        "forward_backward_ours",
        "forward_backward_naive",
        "product",
    }
    assert all(value > 0 for value in seconds.values())
    peak = scc.memory("ours", **SIZE)
    assert peak["forward_backward"] >= peak["forward"] > 0


def test_a_row_holds_the_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {
        "forward_ours": 2.0,
        "forward_naive": 8.0,
        "forward_backward_ours": 3.0,
        "forward_backward_naive": 15.0,
        "product": 0.5,
    }
    monkeypatch.setattr(scc, "child", lambda _task: seconds)
    row = scc.row(64, 4096, 16, 7, 1)
    assert row["speedup_forward"] == 4
    assert row["speedup_forward_backward"] == 5
    # two products and the distances, 1/64 of one, take 1.0078 s of the 2 at the product's rate
    assert row["floor_fraction"] == pytest.approx(0.5 * (1 + 1 / 128))
