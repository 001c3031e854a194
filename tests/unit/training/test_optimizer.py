import json

import keras
import numpy as np
import pytest

from fau_tf.models.scc.semantic_correspondence import SemanticCorrespondence
from fau_tf.training.config import load_config
from fau_tf.training.losses import squared_kernels
from fau_tf.training.model import HeatmapRegressor
from fau_tf.training.optimizer import CheckedAdam, make_schedule
from tests.unit.training.test_nonfinite import step, trainable, trainer


def averaging(momentum):
    model, data = trainer()
    model.compile(optimizer=CheckedAdam(1e-2, use_ema=True, ema_momentum=momentum))
    model.optimizer.build(model.trainable_variables)
    return model, data


def test_the_kept_average_is_that_of_a_plain_loop():
    model, data = averaging(0.4)
    want = None
    for t in range(12):
        step(model, data)
        momentum = min(0.4, t / (9 + t))
        now = trainable(model)
        want = (
            now
            if want is None
            else [momentum * a + (1 - momentum) * b for a, b in zip(want, now, strict=True)]
        )
    found = model.optimizer.averaged(model.trainable_variables)
    for one, same in zip(want, found, strict=True):
        # Float32 sums of numbers around 1.
        np.testing.assert_allclose(np.asarray(same), one, atol=1e-6)
    assert max(np.abs(a - b).max() for a, b in zip(want, now, strict=True)) > 1e-4


def test_averaging_leaves_the_trained_weights_alone():
    plain, data = trainer()
    plain.compile(optimizer=CheckedAdam(1e-2))
    model, _ = averaging(0.9)
    for one in (plain, model):
        one.fit(*data, epochs=3, batch_size=2, shuffle=False, verbose=0)
    for one, same in zip(trainable(plain), trainable(model), strict=True):
        np.testing.assert_array_equal(one, same)


def test_without_averaging_the_values_are_those_of_the_variables():
    model, data = trainer()
    step(model, data)
    found = model.optimizer.averaged(model.weights)
    assert [one is same for one, same in zip(found, model.weights, strict=True)] == [True] * len(
        found
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["training.ema=1"], "Received: 1.0"),
        (["training.ema=0.9", "training.precision=mixed_float16"], "mixed_bfloat16"),
        (["training.schedule=staircase"], "must be one of linear, steps"),
        (["training.schedule=steps"], "`training.decay_epochs` must name epochs"),
        (["training.decay_epochs=[5]"], "else be empty"),
        (["training.schedule=steps", "training.decay_epochs=[8]"], "before the last"),
        (["training.schedule=steps", "training.decay_epochs=[3, 2]"], "rising"),
        (["training.schedule=steps", "training.decay_epochs=[0, 2]"], "rising"),
        (["training.decay_factor=1"], "`training.decay_factor` must be between 0 and 1"),
        (["training.weight_decay=-1e-5"], "`training.weight_decay` must be at least 0"),
        (["training.clip_norm=-1"], "`training.clip_norm` must be at least 0"),
    ],
)
def test_settings_of_the_optimizer_that_do_not_work_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        load_config(None, changes)


def test_the_papers_rate_falls_to_a_tenth_after_epoch_5():
    settings = load_config(None, [
        "training.epochs=10", "training.learning_rate=5e-4", "training.warmup_steps=0",
        "training.schedule=steps", "training.decay_epochs=[5]",
    ]).training  # fmt: skip
    steps = 7
    rate = make_schedule(settings, steps)
    found = [float(rate(step)) for step in range(10 * steps)]
    np.testing.assert_allclose(found, [5e-4] * 5 * steps + [5e-5] * 5 * steps, rtol=1e-6)


def test_steps_multiply_and_warm_up():
    settings = load_config(None, [
        "training.epochs=4", "training.learning_rate=1.0", "training.warmup_steps=4",
        "training.schedule=steps", "training.decay_epochs=[1, 3]", "training.decay_factor=0.5",
    ]).training  # fmt: skip
    found = [float(make_schedule(settings, 3)(step)) for step in range(12)]
    assert found == [0.25, 0.5, 0.75, *[0.5] * 6, *[0.25] * 3]


@pytest.mark.parametrize(("schedule", "decay_epochs"), [("linear", "[]"), ("steps", "[1]")])
def test_schedules_survive_saving(schedule, decay_epochs):
    settings = load_config(None, [
        f"training.schedule={schedule}", f"training.decay_epochs={decay_epochs}",
        "training.warmup_steps=4",
    ])  # fmt: skip
    rate = make_schedule(settings.training, 3)
    stored = json.loads(json.dumps(keras.saving.serialize_keras_object(rate)))
    again = keras.saving.deserialize_keras_object(stored)
    assert [float(again(step)) for step in range(12)] == [float(rate(step)) for step in range(12)]


def gradients(model, data):
    """Return the gradients of a step, as Adam gets them."""
    kept = []
    model.optimizer.apply = lambda grads, _variables=None: kept.extend(map(np.asarray, grads))
    model.compile(optimizer=model.optimizer, run_eagerly=True)
    step(model, data)
    return kept


def test_weight_decay_adds_2_w_to_the_gradient_of_kernels_and_nothing_to_others():
    plain, data = trainer()
    decayed, _ = trainer()
    decayed.weight_decay = 0.25
    changed = {}
    rows = zip(plain.trainable_weights, gradients(plain, data), gradients(decayed, data),
               strict=True)  # fmt: skip
    for weight, before, after in rows:
        changed[weight.path] = (before != after).any()
        want = before + (0.5 * np.asarray(weight) if weight.name == "kernel" else 0)
        # float32 sums
        np.testing.assert_allclose(after, want, atol=1e-5 * np.abs(want).max())
    assert sum(changed.values()) == 2, changed


def test_the_kernels_of_scc_decay_too_and_frozen_ones_do_not():
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 1, name="frozen", trainable=False)(image)
    scc = SemanticCorrespondence(k=2)
    net = keras.Model(image, scc(x))
    want = sum(np.square(np.asarray(w)).sum() for w in (scc.center_kernel, scc.neighbor_kernel))
    assert float(squared_kernels(net)) == pytest.approx(want, rel=1e-6)
    assert HeatmapRegressor(net, None).weight_decay == 0
