"""The Keras network of a description whose weights were fine-tuned."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from export.convert import for_export
from export.qat.describe import Weights, describe
from fau_tf.models.scc.semantic_correspondence import SemanticCorrespondence


def restored(net: keras.Model, weights: Weights) -> keras.Model:
    """Return a copy of `net` that computes what its description does with other weights.

    Its batch norms only add the folded bias.

    Args:
        net: The described network; unchanged.
        weights: As `Description.weights`.
    """
    copy = for_export(net, "gather")
    norms = {conv: norm for norm, conv in describe(net).norms.items()}
    for name in dict.fromkeys(key.partition("/")[0] for key in weights):
        mine = {
            key.partition("/")[2]: value
            for key, value in weights.items()
            if key.startswith(f"{name}/")
        }
        layer = copy.get_layer(name)
        if isinstance(layer, SemanticCorrespondence):
            layer.center_kernel.assign(mine["own"] + mine["far"])
            layer.neighbor_kernel.assign(mine["far"])
            _make_shift(layer, mine["shift"])
        elif "alpha" in mine:
            layer.alpha.assign(mine["alpha"])
        else:
            layer.kernel.assign(mine["kernel"])
            if layer.bias is not None:
                layer.bias.assign(np.zeros_like(mine["bias"]) if name in norms else mine["bias"])
            if name in norms:
                _make_shift(copy.get_layer(norms[name]), mine["bias"])
    return copy


def _make_shift(norm: Any, shift: npt.NDArray[np.float32]) -> None:
    """Make batch norm with moving statistics add `shift`."""
    norm.gamma.assign(np.ones_like(shift))
    norm.beta.assign(shift)
    norm.moving_mean.assign(np.zeros_like(shift))
    norm.moving_variance.assign(np.full_like(shift, 1 - norm.epsilon))
