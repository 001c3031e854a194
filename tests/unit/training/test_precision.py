"""Other arithmetic, the same learning."""

import keras
import numpy as np
import pytest

from fau_tf.training import fit, run_state, setup
from fau_tf.training.config import load_config
from fau_tf.training.run_dir import RunDir
from tests.helpers.own_process import passed_in_own_process
from tests.helpers.records import write_subsets

SETTINGS = (
    "model.preset=tiny",
    "data.record_size=80",
    "training.epochs=6",
    "training.batch_size=8",
    "training.warmup_steps=4",
    "training.threads=1",
)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("precision")
    parts = write_subsets(folder / "faces")
    kept = {}

    def learn(*changes):
        """Return the history and the network that is kept."""
        if changes not in kept:
            config = load_config(None, [*SETTINGS, *changes])
            keras.utils.set_random_seed(1)
            with RunDir(folder / "-".join(changes or ("plain",))) as run:
                net = setup.make_network(config)
                progress = fit.fit(net, config, parts, run)
            kept[changes] = progress.rows, keras.saving.load_model(run / run_state.BEST)
        return kept[changes]

    return learn


@pytest.mark.integration
@pytest.mark.parametrize(
    "changes",
    [
        ("training.precision=mixed_bfloat16",),
        ("training.precision=mixed_float16",),
        ("training.jit_compile=true",),
        (
            "training.precision=mixed_bfloat16",
            "training.jit_compile=true",
            "training.deterministic=false",
        ),
    ],
    ids=["bfloat16", "float16", "jit", "all_for_a_gpu_jit"],
)
def test_it_learns_as_float32_does(learned, changes, request):
    if "training.jit_compile=true" in changes and passed_in_own_process(request):
        return
    plain = np.array([row["loss"] for row in learned()[0]])
    other = np.array([row["loss"] for row in learned(*changes)[0]])
    assert np.isfinite(plain).all()
    assert plain[-1] < 0.8 * plain[0], "nothing was learned that could be compared"
    # Rounding to 8 or 11 bits moves each step a little, and neighbors flip.
    np.testing.assert_allclose(other, plain, rtol=0.05)
    assert (other != plain).any(), "the setting must have changed the arithmetic"


@pytest.mark.integration
def test_the_saved_network_computes_in_float32(learned):
    _, net = learned("training.precision=mixed_bfloat16")
    assert {layer.compute_dtype for layer in net.layers} == {"float32"}
    assert all(str(weight.dtype) == "float32" for weight in net.weights)


def test_the_trained_network_computes_in_the_precision_and_outputs_float32():
    net = setup.make_network(load_config(None, [*SETTINGS, "training.precision=mixed_bfloat16"]))
    assert net.get_layer("scc0").compute_dtype == "bfloat16"
    assert net.output.dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"
