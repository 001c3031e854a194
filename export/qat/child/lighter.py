"""What is fine-tuned, as rows: rounding, clustering or pruning.

Clustering and pruning make the file no smaller, but more alike inside, so that it compresses
better for a download.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras

from export.qat.child import rounding, twin

_CLUSTERING: Final = tfmot.clustering.keras
_PRUNING: Final = tfmot.sparsity.keras


@dataclass(frozen=True)
class Learner:
    """A model that learns, and how to get the twin's weights out of it.

    Attributes:
        model: (B, S, S, 3) -> (B, h, w, K).
        learned: Its variables, each once.
        weights: Returns them as the twin has them, by `layer/weight`.
        before_step: Called before each step.
    """

    model: Any
    learned: Sequence[Any]
    weights: Callable[[], dict[str, Any]]
    before_step: Callable[[], None] = lambda: None


def _rounded(
    rows: Sequence[Mapping[str, Any]], plain: Any, ranges: rounding.Ranges, amount: float
) -> Learner:
    del amount
    size = plain.input_shape[1]
    model = rounding.rounding_twin(rows, size, ranges, batch=None, selection="gather", weights=True)
    twin.set_weights(model, twin.get_weights(plain))
    # All of them: a wrapper's list of trainable weights has some of them twice.
    return Learner(model, list(twin.variables(model).values()), lambda: twin.get_weights(model))


def _clustered(
    rows: Sequence[Mapping[str, Any]], plain: Any, ranges: rounding.Ranges, amount: float
) -> Learner:
    """Let each convolution have `amount` different weights."""
    del rows, ranges

    def wrap(layer: Any) -> Any:
        # Spread evenly, and for a layer as a whole: k-means a channel takes many minutes.
        return _CLUSTERING.cluster_weights(
            layer,
            number_of_clusters=int(amount),
            cluster_centroids_init=_CLUSTERING.CentroidInitialization.LINEAR,
        )

    model = _wrapped(plain, wrap)

    def weights() -> dict[str, Any]:
        # As `strip_clustering` would, which leaves a model that can't learn on.
        own = _own(model, ("cluster_centroids_kernel", "pulling_indices_kernel"))
        kernels = {name: centers[nearest] for name, (centers, nearest) in own.items()}
        return twin.get_weights(model) | kernels

    return Learner(model, _once(model.trainable_variables), weights)


def _pruned(
    rows: Sequence[Mapping[str, Any]], plain: Any, ranges: rounding.Ranges, amount: float
) -> Learner:
    """Have a share `amount` of each convolution's weights be zero."""
    del rows, ranges
    schedule = _PRUNING.ConstantSparsity(amount, begin_step=0, frequency=1)
    model = _wrapped(plain, lambda layer: _PRUNING.prune_low_magnitude(layer, schedule))
    model.optimizer = tf_keras.optimizers.Adam()  # the callback below looks for one
    masks = _PRUNING.UpdatePruningStep()
    masks.set_model(model)
    masks.on_train_begin()
    masks.on_train_batch_begin(batch=-1)
    model(tf.zeros((1, *plain.input_shape[1:])), training=True)  # makes the first masks

    def weights() -> dict[str, Any]:
        # As `strip_pruning` would; a step may have moved some off zero since the last mask.
        kernels = {name: kernel * mask for name, (kernel, mask) in _own(model, _MASKED).items()}
        return twin.get_weights(model) | kernels

    return Learner(
        model,
        _once(model.trainable_variables),
        weights,
        lambda: masks.on_train_batch_begin(batch=-1),
    )


METHODS: Final = {"round": _rounded, "cluster": _clustered, "prune": _pruned}
"""Name -> function of (rows, float twin, ranges, amount)."""
_MASKED: Final = ("kernel", "mask")


def _wrapped(plain: Any, wrap: Callable[[Any], Any]) -> Any:
    """Return `plain` with its dense convolutions wrapped; depthwise kernels are few numbers."""

    def clone(layer: Any) -> Any:
        return wrap(layer) if type(layer) is tf_keras.layers.Conv2D else layer

    return tf_keras.models.clone_model(plain, clone_function=clone)


def _own(model: Any, names: Sequence[str]) -> dict[str, list[Any]]:
    """Return `layer/kernel` -> the values of a wrapper's variables of these names."""
    found = {}
    for layer in model.layers:
        values = {
            variable.name.split(":")[0].rpartition("/")[2]: variable for variable in layer.weights
        }
        if isinstance(layer, tf_keras.layers.Wrapper) and set(names) <= set(values):
            found[f"{layer.layer.name}/kernel"] = [values[name].numpy() for name in names]
    return found


def _once(variables: Sequence[Any]) -> list[Any]:
    return list({id(variable): variable for variable in variables}.values())
