import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from fau_tf.codec import HeatmapCodec
from fau_tf.training import fit, setup
from fau_tf.training.callbacks import Checkpoints, StopRequest
from fau_tf.training.checkpoint import Progress
from fau_tf.training.config import load_config
from fau_tf.training.model import HeatmapRegressor, NonFiniteError, diagnose_non_finite
from fau_tf.training.optimizer import CheckedAdam, is_non_finite
from fau_tf.training.run_dir import RunDir
from tests.helpers.own_process import passed_in_own_process
from tests.helpers.records import write_subsets
from tests.unit.training.test_losses import batch, loss

CODEC = HeatmapCodec(64, 16, 1.0)


@keras.saving.register_keras_serializable(package="fau_tf_tests")
class Root(keras.layers.Layer):
    """The root of the square: finite everywhere, and at 0 its gradient isn't."""

    def call(self, x):
        return ops.sqrt(ops.square(x))

    def compute_output_shape(self, shape):
        return shape


def trainer(**options):
    keras.utils.set_random_seed(1)
    targets, _ = batch(CODEC)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", name="first")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = Root(name="root")(x)
    maps = keras.layers.Conv2D(targets["heatmap"].shape[-1], 1, name="maps")(x)
    model = HeatmapRegressor(keras.Model(image, maps), loss(CODEC))
    model.compile(optimizer=CheckedAdam(1e-2, clipnorm=5.0), **options)
    model.optimizer.build(model.trainable_variables)
    picture = np.random.default_rng(0).uniform(0.5, 1, (2, 16, 16, 3)).astype(np.float32)
    return model, (picture, targets)


def trainable(model):
    return [np.asarray(weight) for weight in model.trainable_weights]


def step(model, data):
    pictures, targets = data
    rows = tf.data.Dataset.from_tensors((pictures, targets)).repeat()
    model.fit(rows, steps_per_epoch=1, verbose=0)


def test_a_device_without_a_deterministic_operator_is_explained(tmp_path, monkeypatch):
    lacking = tf.errors.UnimplementedError(None, None, "A deterministic GPU form of X is missing.")
    monkeypatch.setattr(fit, "_fit_legs", lambda *_: (_ for _ in ()).throw(lacking))
    subsets = write_subsets(tmp_path / "faces")
    settings = ["model.preset=tiny", "data.record_size=80", "training.batch_size=4"]
    for more, error, message in (
        ([], ValueError, "form of X is missing. Give --set training.deterministic=false"),
        (["training.deterministic=false"], tf.errors.UnimplementedError, "form of X"),
    ):
        config = load_config(None, [*settings, *more])
        with RunDir(tmp_path / "run") as run, pytest.raises(error, match=message):
            fit.fit(setup.make_network(config), config, subsets, run)


def test_a_finite_step_is_adam_s():
    model, data = trainer()
    before = trainable(model)
    step(model, data)
    after = trainable(model)
    assert all(np.isfinite(value).all() for value in after)
    assert all((old != new).any() for old, new in zip(before[-2:], after[-2:], strict=True))
    plain, data = trainer()
    plain.compile(optimizer=keras.optimizers.Adam(1e-2, clipnorm=5.0))
    step(plain, data)
    for one, other in zip(after, trainable(plain), strict=True):
        np.testing.assert_array_equal(one, other)


def spoiled_image(_, data):
    data[0][1, 3, 3] = np.nan


def spoiled_target(_, data):
    data[1]["heatmap"][0, 2, 2, 0] = np.inf


def spoiled_weight(model, _):
    fill(model.net.get_layer("maps").kernel, np.nan)


def overflow(model, _):
    fill(model.net.get_layer("maps").kernel, 3e38)


def loss_too_large(model, _):  # finite, and its square isn't
    fill(model.net.get_layer("maps").bias, 1e25)


def root_of_zero(_, data):
    data[0][:] = 0


def fill(weight, value):
    weight.assign(np.full(weight.shape, value, np.float32))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoiled_image, "`image` of the batch, before any layer"),
        (spoiled_target, "`heatmap` of the batch, before any layer"),
        (spoiled_weight, "the weight maps/kernel"),
        (overflow, "the output of layer maps"),
        (loss_too_large, "the loss, all layers' outputs being finite"),
        (root_of_zero, "the gradient of norm/beta"),
    ],
)
def test_it_stops_before_the_weights_are_spoiled_and_names_the_place(spoil, message, tmp_path):
    model, data = trainer()
    spoil(model, data)
    before = trainable(model)
    with pytest.raises(tf.errors.InvalidArgumentError) as found:
        step(model, data)
    assert is_non_finite(found.value)
    for old, new in zip(before, trainable(model), strict=True):
        np.testing.assert_array_equal(old, new)
    statistics = [np.asarray(weight) for weight in model.net.non_trainable_weights]
    file = tmp_path / "nonfinite.npz"
    error = diagnose_non_finite(model, data, ["made/1/0", "made/2/0"], "step 7, epoch 2", file)
    for old, new in zip(statistics, model.net.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(old, np.asarray(new))
    for part in (message, "step 7, epoch 2", "made/1/0, made/2/0", str(file), "learning_rate"):
        assert part in str(error)
    with np.load(file) as kept:
        np.testing.assert_array_equal(kept["image"], data[0])
        np.testing.assert_array_equal(kept["heatmap"], data[1]["heatmap"])
        assert kept["sources"].tolist() == ["made/1/0", "made/2/0"]


@pytest.mark.integration
def test_a_training_that_diverges_names_step_and_records_and_keeps_the_batch(tmp_path):
    subsets = write_subsets(tmp_path / "faces")
    settings = ["model.preset=tiny", "data.record_size=80", "training.batch_size=8"]
    settings += ["training.learning_rate=1e30", "training.warmup_steps=0", "training.epochs=1"]
    config = load_config(None, settings)
    keras.utils.set_random_seed(1)
    with (
        RunDir(tmp_path / "run") as run,
        pytest.raises(NonFiniteError, match="is not finite at step") as found,
    ):
        fit.fit(setup.make_network(config), config, subsets, run)
    (kept,) = run.path.glob("nonfinite_step*.npz")
    step = int(kept.stem.removeprefix("nonfinite_step"))
    assert f"step {step}, epoch 1" in str(found.value)
    with np.load(kept) as file:
        assert file["image"].shape == (8, 64, 64, 3)
        assert all(source in str(found.value) for source in file["sources"])
        assert len(set(file["sources"])) == 8


@pytest.mark.integration
def test_under_xla_the_next_checkpoint_stops_and_is_not_written(tmp_path, request):
    if passed_in_own_process(request):
        return
    model, data = trainer(jit_compile=True)
    spoiled_image(model, data)
    rows = tf.data.Dataset.from_tensors(data).repeat()
    with StopRequest(print) as stop:
        keep = Checkpoints(tmp_path / "c.npz", Progress("", ""), 2, 0.0, stop)
        with pytest.raises(NonFiniteError, match=r"after step 1.*training\.jit_compile=false"):
            model.fit(rows, steps_per_epoch=2, verbose=0, callbacks=[keep])
    assert not (tmp_path / "c.npz").exists()


def test_a_share_of_the_rate_moves_a_variable_by_that_share():
    def moved(**options):
        keras.utils.set_random_seed(1)
        net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(2)])
        slow = net.layers[0].trainable_variables
        net.compile(optimizer=CheckedAdam(1e-2, clipnorm=5.0, slow=slow, **options), loss="mse")
        before = trainable(net)
        rng = np.random.default_rng(0)
        net.train_on_batch(rng.normal(size=(8, 3)), rng.normal(size=(8, 2)))
        return [b - a for a, b in zip(before, trainable(net), strict=True)]

    whole, share = moved(), moved(slow_factor=0.25)
    assert min(np.abs(step).max() for step in whole) > 5e-3
    for a, b in zip(whole[:2], share[:2], strict=True):
        # Weights of up to 1 are rounded to 6e-8 before the difference is taken.
        np.testing.assert_allclose(b, a / 4, atol=2e-7)
    for a, b in zip(whole[2:], share[2:], strict=True):
        np.testing.assert_array_equal(a, b)
