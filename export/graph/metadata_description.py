"""The `M001` flatbuffer of TensorFlow Lite metadata, which describes the contract's tensors."""

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import flatbuffers

from export.graph.flatbuffer import ModelFileError
from fau_tf import contract
from fau_tf.facs import MAX_INTENSITY

IDENTIFIER: Final = b"M001"
CARD: Final = "fau.json"
"""The file of the zip that holds the card; the next two are derived from it."""
LABELS: Final = "labels.txt"
CENTERS: Final = "centers.txt"
DIGEST: Final = "model.sha256"
"""SHA-256 of all bytes before the zip: damage shows without the JSON sidecar."""

_PARSER: Final = "1.0.0"  # version of the metadata schema that readers need


@dataclass(frozen=True)
class _Tensor:
    """How one tensor of the contract is described; its values lie in 0 to `high`."""

    description: str
    high: float
    file: str | None = None


_TENSORS: Final = {
    contract.INPUT: _Tensor(
        "Aligned face, RGB, 0 to 255. Feed pixel values as they are: normalization is inside the "
        f"graph. {CARD} has the crop rule.",
        255.0,
    ),
    contract.OUTPUT_INTENSITY: _Tensor(
        f"FACS intensity of each action unit, 0 to 5, in the order of {LABELS}.",
        MAX_INTENSITY,
        LABELS,
    ),
    contract.OUTPUT_HEATMAPS: _Tensor(
        "A map for each AU center, in intensity units, 0 to 5: its maximum is the intensity there, "
        f"and an action unit's is the mean over its centers. Channels in the order of {CENTERS}.",
        MAX_INTENSITY,
        CENTERS,
    ),
}


def describe(card: dict[str, Any], model: Any) -> bytes:
    """Return the flatbuffer.

    Args:
        card: From `model_json.card`.
        model: Unpacked model, a `ModelT`; its tensors are described in the graph's order.

    Raises:
        ModelFileError: If the signature's tensors are not the graph's.
    """
    return _packed(_description(card, model))


def canonical(data: bytes) -> tuple[bytes, list[str]]:
    """Return a flatbuffer as this version of the packer writes it, and the model's files in it."""
    described = _tables().ModelMetadataT.InitFromPackedBuf(data, 0)
    names = [(file.name or b"").decode() for file in described.associatedFiles or ()]
    return _packed(described), names


def _description(card: dict[str, Any], model: Any) -> Any:
    """Return the `ModelMetadataT`, with tensors in the order of the graph."""
    tables = _tables()
    described = tables.ModelMetadataT()
    described.name = card["name"]
    described.description = (
        "Facial action unit intensity and a heatmap for each AU center, from an aligned face."
    )
    described.version = f"contract {card['contract_version']}"
    described.license = "Apache-2.0"
    described.minParserVersion = _PARSER
    described.associatedFiles = [
        _file(CARD, tables.AssociatedFileType.DESCRIPTIONS),
        _file(DIGEST, tables.AssociatedFileType.UNKNOWN),
    ]
    graph = tables.SubGraphMetadataT()
    graph.inputTensorMetadata = [_image(card, name) for name in _names(model, "inputs")]
    graph.outputTensorMetadata = [_output(name) for name in _names(model, "outputs")]
    described.subgraphMetadata = [graph]
    return described


def _image(card: dict[str, Any], name: str) -> Any:
    tables = _tables()
    tensor = _tensor(name)
    image = tables.ImagePropertiesT()
    image.colorSpace = tables.ColorSpaceType.RGB
    image.defaultSize = tables.ImageSizeT()
    image.defaultSize.width = image.defaultSize.height = card["image_size"]
    tensor.content = _content(tables.ContentProperties.ImageProperties, image)
    # Readers compute (x - mean) / std before they call the model: here the identity.
    step = tables.ProcessUnitT()
    step.optionsType = tables.ProcessUnitOptions.NormalizationOptions
    step.options = tables.NormalizationOptionsT()
    step.options.mean, step.options.std = [0.0], [1.0]
    tensor.processUnits = [step]
    return tensor


def _output(name: str) -> Any:
    tables = _tables()
    tensor = _tensor(name)
    tensor.content = _content(
        tables.ContentProperties.FeatureProperties, tables.FeaturePropertiesT()
    )
    tensor.associatedFiles = [
        _file(_TENSORS[name].file, tables.AssociatedFileType.TENSOR_AXIS_LABELS)
    ]
    return tensor


def _tensor(name: str) -> Any:
    tensor = _tables().TensorMetadataT()
    tensor.name, tensor.description = name, _TENSORS[name].description
    tensor.stats = _tables().StatsT()
    tensor.stats.min, tensor.stats.max = [0.0], [_TENSORS[name].high]
    return tensor


def _content(kind: int, properties: Any) -> Any:
    content = _tables().ContentT()
    content.contentPropertiesType, content.contentProperties = kind, properties
    return content


def _file(name: str | None, kind: int) -> Any:
    file = _tables().AssociatedFileT()
    file.name, file.type = name, kind
    return file


def _names(model: Any, side: str) -> list[str]:
    """Return the signature's names of the graph's `inputs` or `outputs`, in the graph's order."""
    wanted = contract.SIGNATURE.encode()
    signature = next(
        (entry for entry in model.signatureDefs or () if entry.signatureKey == wanted), None
    )
    if signature is None:
        raise ModelFileError(
            f"The model must have the signature `{contract.SIGNATURE}`: got none of that name. "
            "Export it again."
        )
    names = {entry.tensorIndex: entry.name.decode() for entry in getattr(signature, side)}
    order = [int(index) for index in getattr(model.subgraphs[signature.subgraphIndex], side)]
    if sorted(names) != sorted(order) or not set(names.values()) <= set(_TENSORS):
        raise ModelFileError(
            f"The signature must name the graph's {side}, tensors {order}, as the contract does: "
            f"got {names}. Correct the signature before adding metadata."
        )
    return [names[index] for index in order]


def _packed(described: Any) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(described.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


@cache
def _tables() -> Any:
    """Return the metadata's schema from MediaPipe, that one file.

    Importing the package takes seconds, and libraries that a machine which only trains may lack.
    """
    file = "mediapipe/tasks/metadata/metadata_schema_py_generated.py"
    path = Path(str(importlib.metadata.distribution("mediapipe").locate_file(file)))
    loader = importlib.util.spec_from_file_location("tflite_metadata_schema", path)
    if loader is None or loader.loader is None:
        raise ModuleNotFoundError(f"{path} must be MediaPipe's metadata schema.")
    tables = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(tables)
    return tables
