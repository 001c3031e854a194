"""One Keras layer -> .tflite, as exported graphs are: static batch 1, builtin operators only."""

import tempfile
from collections import Counter
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from export.graph.flatbuffer import operator_name


def to_tflite(layer: keras.Layer, shape: tuple[int, int, int]) -> bytes:
    """Return the flatbuffer of `x` (1, H, W, C) -> `y`."""
    image = keras.Input(shape)
    model = keras.Model(image, layer(image))
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        lambda x: {"y": model(x, training=False)},
        input_signature=[tf.TensorSpec((1, *shape), tf.float32, name="x")],
    )
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return bytes(converter.convert())


def run(flatbuffer: bytes, x: np.ndarray) -> np.ndarray:
    """Return `y` as the LiteRT interpreter computes it."""
    runner = Interpreter(model_content=flatbuffer).get_signature_runner("serving_default")
    return np.array(runner(x=x)["y"])


def operators(flatbuffer: bytes) -> Counter[str]:
    """Return `NAME vN` -> how often."""
    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    return Counter(
        f"{operator_name(model, op)} v{model.operatorCodes[op.opcodeIndex].version}"
        for op in model.subgraphs[0].operators
    )


def graph(flatbuffer: bytes) -> Any:
    """Return the only subgraph, unpacked."""
    (only,) = schema.ModelT.InitFromPackedBuf(flatbuffer, 0).subgraphs
    return only


def dense_weights(flatbuffer: bytes) -> list[np.ndarray]:
    """Return (inputs, outputs) of each FULLY_CONNECTED, the one with a bias first."""
    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    (only,) = model.subgraphs
    dense = [op for op in only.operators if operator_name(model, op) == "FULLY_CONNECTED"]
    weights = []
    for operator in sorted(dense, key=lambda op: -sum(index >= 0 for index in op.inputs)):
        tensor = only.tensors[operator.inputs[1]]
        values = bytes(model.buffers[tensor.buffer].data)
        weights.append(np.frombuffer(values, np.float32).reshape(tensor.shape).T)
    return weights
