"""The `M001` flatbuffer of TensorFlow Lite metadata, which describes the contract's tensors."""

from dataclasses import dataclass
from typing import Any, Final

from export.graph import metadata_schema as schema
from export.graph.flatbuffer import ModelFileError
from fau_tf import contract
from fau_tf.facs import MAX_INTENSITY

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
    return schema.pack(_description(card, model))


def canonical(data: bytes) -> tuple[bytes, list[str]]:
    """Return a flatbuffer as this version of the packer writes it, and the model's files in it."""
    described = schema.unpack(data)
    names = [file.get("name", "") for file in described.get("associated_files", ())]
    return schema.pack(described), names


def _description(card: dict[str, Any], model: Any) -> schema.Fields:
    """Return the `ModelMetadata`, with tensors in the order of the graph."""
    return {
        "name": card["name"],
        "description": "Facial action unit intensity and a heatmap for each AU center, from an "
        "aligned face.",
        "version": f"contract {card['contract_version']}",
        "license": contract.model_license(card.get("training_data", {})),
        "min_parser_version": _PARSER,
        "associated_files": [
            {"name": CARD, "type": schema.FILE_DESCRIPTIONS},
            {"name": DIGEST, "type": schema.FILE_UNKNOWN},
        ],
        "subgraph_metadata": [
            {
                "input_tensor_metadata": [_image(card, name) for name in _names(model, "inputs")],
                "output_tensor_metadata": [_output(name) for name in _names(model, "outputs")],
            }
        ],
    }


def _image(card: dict[str, Any], name: str) -> schema.Fields:
    side = card["image_size"]
    image = {"color_space": schema.RGB, "default_size": {"width": side, "height": side}}
    # Readers compute (x - mean) / std before they call the model: here the identity.
    step = {"mean": [0.0], "std": [1.0]}
    return _tensor(name) | {
        "content": {"content_properties": ("ImageProperties", image)},
        "process_units": [{"options": ("NormalizationOptions", step)}],
    }


def _output(name: str) -> schema.Fields:
    return _tensor(name) | {
        "content": {"content_properties": ("FeatureProperties", {})},
        "associated_files": [{"name": _TENSORS[name].file, "type": schema.FILE_AXIS_LABELS}],
    }


def _tensor(name: str) -> schema.Fields:
    described = _TENSORS[name]
    return {
        "name": name,
        "description": described.description,
        "stats": {"min": [0.0], "max": [described.high]},
    }


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
