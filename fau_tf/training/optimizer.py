"""Learning rate: a short rise, a plateau, a straight fall to zero."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="fau_tf")
class WarmupPlateauDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly over `warmup_steps`, stays at `peak`, falls linearly to 0 at `total_steps`.

    Args:
        peak: Highest rate.
        total_steps: Steps of the whole run.
        warmup_steps: Steps of the rise.
        decay_share: Part of the run, at its end, in which the rate falls.
    """

    def __init__(
        self, peak: float, total_steps: int, warmup_steps: int, decay_share: float
    ) -> None:
        self.peak, self.total_steps = peak, total_steps
        self.warmup_steps, self.decay_share = warmup_steps, decay_share

    def __call__(self, step: Any) -> Any:
        """Return the rate at `step`."""
        step = ops.cast(step, "float32")
        rise = (step + 1) / max(1, self.warmup_steps)
        fall = (self.total_steps - step) / max(1.0, self.total_steps * self.decay_share)
        return self.peak * ops.minimum(1.0, ops.minimum(rise, ops.maximum(fall, 0.0)))

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` takes."""
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "decay_share": self.decay_share,
        }
