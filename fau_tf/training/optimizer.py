"""Learning rate schedules, and Adam that refuses a gradient that is not finite."""

from collections.abc import Sequence
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from fau_tf.training.config import TrainingSettings
from fau_tf.training.distribution import total

_NON_FINITE: Final = "fau_tf: not finite"


def make_schedule(
    settings: TrainingSettings, steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return the learning rate by optimizer step; an epoch has `steps`."""
    if settings.schedule == "steps":
        boundaries = [epoch * steps for epoch in settings.decay_epochs]
        return StepDecay(
            settings.learning_rate, settings.warmup_steps, boundaries, settings.decay_factor
        )
    return WarmupPlateauDecay(
        settings.learning_rate,
        settings.epochs * steps,
        settings.warmup_steps,
        settings.decay_fraction,
    )


@keras.saving.register_keras_serializable(package="fau_tf")
class StepDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly over `warmup_steps` to `peak`, and falls by a factor at each boundary.

    Args:
        peak: Highest rate.
        warmup_steps: Steps of the rise.
        boundaries: Steps from which on the rate is multiplied, each once more.
        factor: By which it is multiplied.
    """

    def __init__(
        self, peak: float, warmup_steps: int, boundaries: Sequence[int], factor: float
    ) -> None:
        self.peak, self.warmup_steps = peak, warmup_steps
        self.boundaries, self.factor = list(boundaries), factor

    def __call__(self, step: Any) -> Any:
        """Return the rate at `step`."""
        step = ops.cast(step, "float32")
        at = np.array(self.boundaries, np.float32)
        passed = ops.sum(ops.cast(step >= at, "float32"))
        rise = ops.minimum(1.0, (step + 1) / max(1, self.warmup_steps))
        return self.peak * rise * ops.power(self.factor, passed)

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "boundaries": self.boundaries,
            "factor": self.factor,
        }


@keras.saving.register_keras_serializable(package="fau_tf")
class WarmupPlateauDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly over `warmup_steps`, stays at `peak`, falls linearly to 0 at `total_steps`.

    Args:
        peak: Highest rate.
        total_steps: Steps of the whole run.
        warmup_steps: Steps of the rise.
        decay_fraction: Part of the run, at its end, in which the rate falls.
    """

    def __init__(
        self, peak: float, total_steps: int, warmup_steps: int, decay_fraction: float
    ) -> None:
        self.peak, self.total_steps = peak, total_steps
        self.warmup_steps, self.decay_fraction = warmup_steps, decay_fraction

    def __call__(self, step: Any) -> Any:
        """Return the rate at `step`."""
        step = ops.cast(step, "float32")
        rise = (step + 1) / max(1, self.warmup_steps)
        fall = (self.total_steps - step) / max(1.0, self.total_steps * self.decay_fraction)
        return self.peak * ops.minimum(1.0, ops.minimum(rise, ops.maximum(fall, 0.0)))

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "decay_fraction": self.decay_fraction,
        }


class CheckedAdam(keras.optimizers.Adam):
    """Adam that fails on a NaN or infinite gradient before any weight has changed.

    Under tf.distribute it clips the sum of the replicas' gradients, as one device would. Keras
    clips each replica's gradient and then adds them up.

    Args:
        *args: As of `keras.optimizers.Adam`.
        slow: Variables with a smaller learning rate.
        slow_factor: Of the learning rate, for those.
        **kwargs: As of `keras.optimizers.Adam`. The average that `use_ema` keeps begins with a
            short memory: after t steps its momentum is at most t / (9 + t).
    """

    def __init__(
        self,
        *args: Any,
        slow: Sequence[keras.Variable] = (),
        slow_factor: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._slow_factor, self._slow_paths = slow_factor, {variable.path for variable in slow}
        self._slow: set[int] = set()

    def build(self, variables: Any) -> None:
        """Make what is kept for each variable; see `keras.optimizers.Optimizer.build`."""
        super().build(variables)
        self._slow = {i for i, one in enumerate(variables) if one.path in self._slow_paths}

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable; see `keras.optimizers.Adam.update_step`."""
        if self._get_variable_index(variable) in self._slow:
            learning_rate = learning_rate * self._slow_factor
        super().update_step(gradient, variable, learning_rate)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the variables; see `keras.optimizers.Optimizer.apply`."""
        super().apply(
            require_finite([total(gradient) for gradient in grads], "gradient"),
            trainable_variables,
        )

    def averaged(self, variables: Sequence[keras.Variable]) -> list[Any]:
        """Return the values of variables, averaged over the steps where `use_ema` keeps that."""
        names = (one.path for one in self._trainable_variables)
        averages = self._model_variables_moving_average if self.use_ema else ()
        kept = dict(zip(names, averages, strict=False))
        return [kept.get(one.path, one) for one in variables]

    def finalize_variable_values(self, var_list: Any) -> None:
        """Keep the weights as they are: a training that goes on needs them, not their average."""
        del var_list

    def _update_model_variables_moving_average(self, trainable_variables: Any) -> None:
        if not self.use_ema:
            return
        steps = ops.cast(self.iterations, "float32")
        momentum = ops.minimum(self.ema_momentum, steps / (9 + steps))
        averages = self._model_variables_moving_average
        for variable, average in zip(trainable_variables, averages, strict=True):
            average.assign(momentum * average + (1 - momentum) * variable)

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        return grads_and_vars  # `apply` has added them up


def require_finite(values: Sequence[Any], name: str) -> list[Any]:
    """Return `values`; running the step fails where one is NaN or infinite."""
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(value)) for value in values])
    with tf.control_dependencies([tf.debugging.Assert(finite, [f"{_NON_FINITE}: {name}"])]):
        return [tf.identity(value) for value in values]


def is_non_finite(error: tf.errors.OpError) -> bool:
    """Return whether `require_finite` raised it."""
    return _NON_FINITE in str(error)
