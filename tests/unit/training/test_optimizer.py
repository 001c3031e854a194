import numpy as np
import pytest

from fau_tf.training.config import load_config
from fau_tf.training.optimizer import CheckedAdam
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
    ],
)
def test_momenta_that_do_not_work_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        load_config(None, changes)
