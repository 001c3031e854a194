"""Conversion of a Keras network to .tflite, with the intensity decoding in the graph."""

import tempfile
from collections.abc import Callable
from typing import Any, Final, Literal

import keras
import tensorflow as tf
from keras import ops

from export.graph.flatbuffer import TfliteFile
from export.graph.split_activations import split_activations
from export.specs import SELECTION
from fau_tf import contract
from fau_tf.facs import MAX_INTENSITY
from fau_tf.models.heatmap_layers import IntensityDecode
from fau_tf.models.presets import NetSpec
from fau_tf.models.scc.semantic_correspondence import SemanticCorrespondence


def convert(
    net: keras.Model,
    spec: NetSpec,
    weights: Literal["float32", "float16"] = "float32",
    selection: str = SELECTION,
) -> TfliteFile:
    """Return a file that keeps `fau_tf.contract`.

    Args:
        net: (B, S, S, 3) -> (B, h, w, K) heatmaps in the target scale.
        spec: What it was built from.
        weights: How to store them.
        selection: How the graph finds neighbors; row of `knn.SELECTIONS`.
    """
    net = for_export(net, selection)
    size = spec.image_size
    decode = IntensityDecode.of(spec.codec, spec.au_numbers, spec.rule)

    def serve(image: Any) -> dict[str, Any]:
        raw = net(image, training=False)
        return {
            # `call`: the layer's own name scope would rename the file's tensors.
            contract.OUTPUT_INTENSITY: decode.call(raw),
            contract.OUTPUT_HEATMAPS: ops.clip(raw / spec.codec.unit, 0.0, MAX_INTENSITY),
        }

    # ExportArchive makes constants of the weights. from_concrete_functions on a Keras 3 model
    # leaves READ_VARIABLE in the flatbuffer, and the interpreter then outputs NaN.
    archive = keras.export.ExportArchive()
    archive.track(net)
    archive.add_endpoint(
        contract.SIGNATURE,
        serve,
        input_signature=[tf.TensorSpec((1, size, size, 3), tf.float32, name=contract.INPUT)],
    )
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=[contract.SIGNATURE]
        )
        # Builtins only: a Flex operator passes on a desktop and fails on a phone.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        _WEIGHTS[weights](converter)
        return split_activations(TfliteFile(bytes(converter.convert())))


def for_export(net: keras.Model, selection: str = SELECTION) -> keras.Model:
    """Return a float32 copy of `net` with the same weights and a chosen neighbor search in SCC.

    It is float32 whatever policy the network was trained under: the device, not the graph, chooses
    float16 arithmetic.

    Args:
        net: The network.
        selection: Row of `knn.SELECTIONS`.
    """

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if isinstance(layer, keras.layers.Layer):  # else an operation of `keras.ops`
            config["dtype"] = "float32"
        if isinstance(layer, SemanticCorrespondence):
            config["selection"] = selection
        return layer.__class__.from_config(config)

    copy = keras.models.clone_model(net, clone_function=clone)
    copy.set_weights(net.get_weights())
    return copy


def _float16(converter: Any) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


_WEIGHTS: Final[dict[str, Callable[[Any], None]]] = {
    "float32": lambda _converter: None,
    "float16": _float16,
}
