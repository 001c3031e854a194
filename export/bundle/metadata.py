"""fau_metadata.json, the contract that all variants share, and labels.txt."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from export.bundle.golden.tolerances import CUT_POINTS, outputs
from export.bundle.models import AssetModel, own_figures
from fau_tf import contract, facs
from fau_tf.face import align
from fau_tf.face.mesh import MESH_POINTS
from fau_tf.utils.files import file_sha256

METADATA: Final = "fau_metadata.json"
LABELS: Final = "labels.txt"


def metadata(models: Sequence[AssetModel], landmarker: Path) -> dict[str, Any]:
    """Return the content of fau_metadata.json.

    Args:
        models: From `read_models`.
        landmarker: Path of face_landmarker.task.
    """
    card = models[0].entries
    return {
        "format": 1,
        "contract_version": card["contract_version"],
        "signature": contract.SIGNATURE,
        "preset": card["preset"],
        "image_size": card["image_size"],
        "heatmap_size": card["heatmap_size"],
        **_tensors(card),
        "landmarks": _landmarks(landmarker),
        "crop": _crop(card["image_size"]),
        "rule": card["rule"],
        "aus": _aus(card),
        **_uncertainty(models),
        "centers": card["centers"],
        "training_data": card["training_data"],
        "license": contract.model_license(card["training_data"]),
        "variants": {model.variant: _variant(model) for model in models},
    }


def labels(models: Sequence[AssetModel]) -> str:
    """Return labels.txt: one AU label a line, in the order of the intensities."""
    return "".join(f"{label}\n" for label in models[0].entries["au_labels"])


def _tensors(card: dict[str, Any]) -> dict[str, Any]:
    """Return `inputs` and `outputs`, as `contract` defines them."""
    size, side = card["image_size"], card["heatmap_size"]
    units = {
        "dtype": "float32",
        "range": [0, facs.MAX_INTENSITY],
        "unit": "FACS intensity; 0 is absent",
    }
    image = {
        "name": contract.INPUT,
        "shape": [1, size, size, 3],
        "axes": ["batch", "row", "column", "color"],
        "dtype": "float32",
        "color_order": "RGB",
        "range": [0, 255],
        "normalization": "none: feed pixel values; the graph normalizes them",
    }
    intensity = {
        "name": contract.OUTPUT_INTENSITY,
        "shape": [1, len(card["aus"])],
        "axes": ["batch", "au"],
        **units,
        "order": "that of `aus`",
    }
    heatmaps = {
        "name": contract.OUTPUT_HEATMAPS,
        "shape": [1, side, side, len(card["centers"])],
        "axes": ["batch", "row", "column", "center"],
        **units,
        "order": "that of `centers`; an intensity is the mean of the maxima of its centers' maps",
    }
    return {"inputs": [image], "outputs": [intensity, heatmaps]}


def _landmarks(landmarker: Path) -> dict[str, Any]:
    return {
        "file": landmarker.name,
        "bytes": landmarker.stat().st_size,
        "sha256": file_sha256(landmarker),
        "mesh_points": MESH_POINTS,
        "px": "x * width, y * height of the landmarker's fractions; pixel centers on integers",
        "ibug68_from_mesh": list(facs.IBUG_FROM_MEDIAPIPE),
    }


def _crop(size: int) -> dict[str, Any]:
    """Return the rules of `fau_tf.face.align`, which defines the crop."""
    return {
        "size": size,
        "points": "x right, y down, px; pixel centers on integers",
        "anchors_ibug68": list(align.ANCHORS),
        "template": align.TEMPLATE.tolist(),
        "template_px": "fraction * size - 0.5",
        "fit": "similarity (rotation, one scale, shift) of the anchors to the template, least "
        "squares, in 64-bit floats",
        "interpolation": "bilinear, in 64-bit floats, at the crop's pixel centers",
        "rounding": "half up: floor(value + 0.5), clipped to 0 to 255",
        "border": "replicate: a point is clamped to the first or last pixel center",
        "shrink": {
            "while_px_per_crop_px_above": align.MAX_SPAN,
            "by": "means of 2 x 2 px in 32-bit floats, unrounded",
            "first_block": [0, 0],
            "odd_side": "the last row or column counts twice",
            "matrix": "pixel x of the halved picture is pixel 2 x + 0.5 of the picture",
        },
        "tolerances": CUT_POINTS,
    }


def _aus(card: dict[str, Any]) -> list[dict[str, Any]]:
    points = facs.centers(card["aus"], card["rule"])
    return [
        {
            "number": au,
            "label": facs.AUS[au].label,
            "name": facs.AUS[au].name,
            "muscles": facs.AUS[au].muscles,
            "centers": [
                {
                    "name": point.name,
                    "channel": channel,
                    "mean_of_ibug68": list(point.point.landmarks),
                    "down_by_inner_eye_distances": point.point.down,
                }
                for channel, point in enumerate(points)
                if point.au == au
            ],
            **_optional(card, facs.AUS[au].label),
        }
        for au in card["aus"]
    ]


def _optional(card: dict[str, Any], label: str) -> dict[str, Any]:
    """Return the AU's interval and the criteria that it fails, where the run measured them."""
    found = {
        "interval": card.get("intervals", {}).get("per_au", {}).get(label),
        "low_reliability": card.get("low_reliability", {}).get(label),
    }
    return {key: value for key, value in found.items() if value}


def _uncertainty(models: Sequence[AssetModel]) -> dict[str, Any]:
    """Return what `interval` and `low_reliability` of an AU mean."""
    card = models[0].entries
    found: dict[str, Any] = {}
    if "intervals" in card:
        rule = (
            "an AU's interval is its intensity plus `below` and `above` at place "
            "floor(intensity + 0.5), clipped to 0 to 5"
        )
        rule = ". ".join(filter(None, (rule, own_figures(models))))
        found["intervals"] = {"level": card["intervals"]["level"], "rule": rule}
    if card.get("low_reliability"):
        found["low_reliability_criteria"] = {
            name: row.text for name, row in contract.LOW_RELIABILITY.items()
        }
    return found


def _variant(model: AssetModel) -> dict[str, Any]:
    entries = model.entries
    return {
        "file": model.path.name,
        "bytes": entries["bytes"],
        "sha256": entries["sha256"],
        "weights": entries["weights"],
        "accelerators": model.accelerators,
        "tolerances": {name: outputs(entries["weights"], name) for name in model.accelerators},
    }
