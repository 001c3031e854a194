"""First weights of a network's backbone: ImageNet's, or those of a file."""

from pathlib import Path

import keras

from fau_tf import contract
from fau_tf.models.backbones.backbone import BACKBONES
from fau_tf.models.backbones.face_mesh import PREFIX
from fau_tf.models.backbones.known_file import MissingWeightsError
from fau_tf.models.scc.decoder import in_decoder

_KERAS = ".keras"


def require_first_weights(backbone: str, *, imagenet: bool, file: str) -> None:
    """Raise ValueError unless `load` with these arguments will find its file.

    Called before faces are rendered or prepared, which may take hours.
    """
    _source(backbone, imagenet, file)


def load(model: keras.Model, backbone: str, *, imagenet: bool, file: str = "") -> str:
    """Give the backbone of `model` its first weights; return their name, empty for random ones.

    Args:
        model: From `heatmap_net.build`.
        backbone: Row of `backbones.backbone.BACKBONES`.
        imagenet: Whether to load ImageNet weights, where the backbone has some.
        file: Read instead of ImageNet's: `.keras` of a Keras model whose layers have the names and
            shapes of the backbone, such as a run's best.keras; `.h5` of
            `keras.applications.ResNet50(include_top=False)`; `.pth` of EfficientNet-Lite0.

    Raises:
        ValueError: If the weights are not there, or are of another network.
    """
    path = _source(backbone, imagenet, file)
    if path is None:
        return ""
    if path.suffix == _KERAS:
        _load_keras(model, path)
    else:
        BACKBONES[backbone].formats[path.suffix](model, path)
    return f"the weights of {path}" if file else "ImageNet weights"


def _source(backbone: str, imagenet: bool, file: str) -> Path | None:
    """Return the file of the first weights; None where they are random."""
    row = BACKBONES[backbone]
    if file:
        path, endings = Path(file), sorted({_KERAS, *row.formats})
        if not path.is_file() or path.suffix not in endings:
            raise ValueError(
                f"`training.weights` must be a file of weights of {backbone}, ending in "
                f"{' or '.join(endings)}. Received: {file!r}"
                f"{'' if path.is_file() else ', which is no file'}."
            )
        return path
    if not imagenet or row.imagenet is None:
        return None
    try:
        return row.imagenet()
    except MissingWeightsError as error:
        raise MissingWeightsError(
            f"`training.imagenet` = true needs the ImageNet weights of {backbone}: {error}. Or "
            "give a file of weights, --set training.weights=FILE, or start from random ones, which "
            "takes far longer to learn: --set training.imagenet=false"
        ) from error


def _load_keras(model: keras.Model, path: Path) -> None:
    try:
        source = keras.saving.load_model(path, compile=False)
    # Readers of a damaged archive fail in many ways.
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ValueError(f"{path} must be a saved Keras model: got {why}") from error
    layers = {layer.name: layer for layer in source.layers}
    # A network of this package reads RGB, the models of keras.applications BGR.
    reads_rgb = any(isinstance(one, keras.layers.Rescaling) for one in source.layers)
    for layer in model.layers:
        if not layer.weights or not _in_backbone(layer):
            continue
        found = layers[layer.name].get_weights() if layer.name in layers else []
        want, got = ([one.shape for one in each] for each in (layer.get_weights(), found))
        if want != got:
            raise ValueError(
                f"{path} must hold the backbone: its layer {layer.name} must have weights of "
                f"shapes {want}, got {got}. Take a file of the same backbone."
            )
        if layer.name == "conv1_conv" and not reads_rgb:
            found[0] = found[0][:, :, ::-1]
        layer.set_weights(found)


def _in_backbone(layer: keras.layers.Layer) -> bool:
    name = layer.name
    return not in_decoder(layer) and name != contract.OUTPUT_HEATMAPS and name[:5] != PREFIX
