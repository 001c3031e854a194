"""FaceMesh's trunk: the first layers of MediaPipe's landmark network, as Keras layers.

It was trained on real faces, so its maps know the geometry of lids, lips and brows. Its weights
come from the Face Landmarker bundle in this package (Apache-2.0, Google); they stay frozen.

Reference: Kartynnik, Ablavatski, Grishchenko and Grundmann, Real-time facial surface geometry from
monocular video on mobile GPUs, 2019.
"""

from collections.abc import Iterator
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from keras import layers

from fau_tf.face.bundle import LANDMARKS, network_file, read_bundle
from fau_tf.models.precision import at_least_float32

Array = npt.NDArray[np.float32]

PREFIX: Final = "mesh_"
"""Names of the layers of the trunk and of its decoder begin with it."""

SIZE: Final = 256  # px of the trunk's input

_WIDTHS: Final = (16, 32, 64, 128)  # feature maps at SIZE / 2, / 4, / 8, / 16
_BLOCKS: Final = (4, 5, 5, 5)  # residual blocks at each of these resolutions


def face_mesh_trunk(image: Any, size: int) -> tuple[Any, Any]:
    """Return feature maps (B, h / 2, h / 2, 128) and, from before the last halving, (B, h, h, 64).

    Args:
        image: (B, S, S, 3) RGB 0 to 255; resized to the 256 px that the trunk was trained on.
        size: Even h of the maps that are returned; the trunk's own have h = 32.
    """
    x = layers.Rescaling(1 / 255.0, name=f"{PREFIX}to_unit")(image)
    x = _resized(x, SIZE, "enlarge")
    x = _conv(x, _WIDTHS[0], 3, 2, "stem")
    x = _prelu(x, "stem")
    levels = []
    for level, (width, blocks) in enumerate(zip(_WIDTHS, _BLOCKS, strict=True)):
        for block in range(blocks):
            x = _block(x, f"level{level}_block{block}", width, halve=level > 0 and block == 0)
        levels.append(x)
    deep = _resized(levels[3], size // 2, "deep_resize")
    return deep, _resized(levels[2], size, "shallow_resize")


def _resized(x: Any, size: int, name: str) -> Any:
    if x.shape[1] == size:
        return x
    # In 16 bits XLA would refuse the gradient, as in `scc.decoder`: TensorFlow writes one for every
    # operation on a variable, though nothing frozen takes it.
    resize = layers.Resizing(
        size, size, interpolation="bilinear", dtype=at_least_float32(), name=f"{PREFIX}{name}"
    )
    # Its default is `training=True`, which Keras would hand on to the batch norms that follow
    # wherever the network is called without `training`.
    return resize(x, training=False)


def _block(x: Any, name: str, width: int, *, halve: bool) -> Any:
    """Add to `x` what two convolutions and a depthwise one find in it."""
    if halve:
        y = _conv(x, width // 2, 2, 2, f"{name}_in")
        x = layers.MaxPooling2D(2, name=f"{PREFIX}{name}_pool")(x)
        x = keras.ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, width - x.shape[-1])))
    else:
        y = _conv(x, width // 2, 1, 1, f"{name}_in")
    y = _prelu(y, f"{name}_in")
    y = layers.DepthwiseConv2D(3, padding="same", name=f"{PREFIX}{name}_depthwise_conv")(y)
    y = _conv(y, width, 1, 1, f"{name}_out")
    return _prelu(layers.Add(name=f"{PREFIX}{name}_add")([x, y]), f"{name}_out")


def _conv(x: Any, filters: int, kernel: int, strides: int, name: str) -> Any:
    return layers.Conv2D(
        filters, kernel, strides=strides, padding="same", name=f"{PREFIX}{name}_conv"
    )(x)


def _prelu(x: Any, name: str) -> Any:
    return layers.PReLU(shared_axes=(1, 2), name=f"{PREFIX}{name}_prelu")(x)


def load_weights(model: keras.Model) -> None:
    """Give the trunk inside `model` the weights of the bundle, and freeze it.

    Raises:
        FileNotFoundError: If the bundle is missing.
        ValueError: If it is not the known one.
    """
    stored = _stored_weights()
    for layer in _trunk_layers(model):
        layer.set_weights(next(stored))
        layer.trainable = False


def _trunk_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers with weights, in the order in which the network computes them."""
    kinds = (layers.Conv2D, layers.DepthwiseConv2D, layers.PReLU)
    names = (f"{PREFIX}stem_", f"{PREFIX}level")
    found = [one for one in model.layers if one.name.startswith(names) and isinstance(one, kinds)]
    return sorted(found, key=lambda one: _place(one.name))


def _place(name: str) -> tuple[int, int, int]:
    """Return the order of a layer: level, block, step."""
    parts = name.removeprefix(PREFIX).split("_")
    step = ("in", "depthwise", "out").index(parts[2]) if parts[0] != "stem" else 0
    level, block = (-1, 0) if parts[0] == "stem" else (int(parts[0][5:]), int(parts[1][5:]))
    return level, block, 2 * step + (parts[-1] == "prelu")


def _stored_weights() -> Iterator[list[Array]]:
    """Yield the weights of each convolution and PReLU of the network, in order."""
    model = schema.ModelT.InitFromPackedBuf(network_file(read_bundle(), LANDMARKS), 0)
    graph = model.subgraphs[0]
    made_by = {operator.outputs[0]: operator for operator in graph.operators}

    def constant(index: int) -> Array:
        # The file stores float16, and a DEQUANTIZE for each.
        tensor = graph.tensors[made_by[index].inputs[0]]
        data = model.buffers[tensor.buffer].data
        return np.frombuffer(bytes(data), np.float16).reshape(tensor.shape).astype(np.float32)

    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex].builtinCode
        if code == schema.BuiltinOperator.PRELU:
            yield [constant(operator.inputs[1])]
        elif code == schema.BuiltinOperator.CONV_2D:
            # (out, row, column, in) -> (row, column, in, out)
            yield [constant(operator.inputs[1]).transpose(1, 2, 3, 0), constant(operator.inputs[2])]
        elif code == schema.BuiltinOperator.DEPTHWISE_CONV_2D:
            # (1, row, column, in) -> (row, column, in, 1)
            yield [constant(operator.inputs[1]).transpose(1, 2, 3, 0), constant(operator.inputs[2])]
