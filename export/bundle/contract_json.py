"""fau_metadata.json: all that an app has to know, whichever variant it loads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from export.bundle.golden.tolerances import CUT_POINTS, GPU, outputs
from export.bundle.models import AssetModel
from fau_tf import contract, facs
from fau_tf.face import align
from fau_tf.face.landmarks import MESH_POINTS
from fau_tf.facs import MAX_INTENSITY
from fau_tf.utils.files import file_sha256

METADATA: Final = "fau_metadata.json"
LABELS: Final = "labels.txt"


def metadata(models: Sequence[AssetModel], bundle: Path) -> dict[str, Any]:
    """Return the content of fau_metadata.json.

    Args:
        models: From `read_models`.
        bundle: The face landmarker's file.
    """
    card = models[0].entries
    return {
        "format": 1,
        "contract_version": contract.CONTRACT_VERSION,
        "signature": contract.SIGNATURE,
        "preset": card["preset"],
        "image_size": card["image_size"],
        "heatmap_size": card["heatmap_size"],
        "inputs": [_input(models[0])],
        "outputs": _outputs(models[0]),
        "landmarks": _landmarks(bundle),
        "crop": _crop(card["image_size"]),
        "rule": card["rule"],
        "aus": _aus(card),
        **_interval_level(card),
        "centers": card["centers"],
        "training_data": card["training_data"],
        "licence": "Apache-2.0",
        "variants": {model.variant: _variant(model) for model in models},
    }


def labels(models: Sequence[AssetModel]) -> str:
    """Return labels.txt: a line for each AU, in the order of the intensities."""
    return "".join(f"{label}\n" for label in models[0].entries["au_labels"])


def _input(model: AssetModel) -> dict[str, Any]:
    return {
        "name": contract.INPUT,
        "shape": list(model.tensors[contract.INPUT]),
        "axes": ["batch", "row", "column", "color"],
        "dtype": "float32",
        "color_order": "RGB",
        "range": [0, 255],
        "normalization": "none: feed pixel values; the graph normalizes them",
    }


def _outputs(model: AssetModel) -> list[dict[str, Any]]:
    shared = {"dtype": "float32", "range": [0, MAX_INTENSITY], "unit": "FACS grades; 0 is absent"}
    return [
        {
            "name": contract.OUTPUT_INTENSITY,
            "shape": list(model.tensors[contract.OUTPUT_INTENSITY]),
            "axes": ["batch", "au"],
            **shared,
            "order": "of `aus`",
        },
        {
            "name": contract.OUTPUT_HEATMAPS,
            "shape": list(model.tensors[contract.OUTPUT_HEATMAPS]),
            "axes": ["batch", "row", "column", "center"],
            **shared,
            "order": "of `centers`; an intensity is the mean of the maxima of its centers' maps",
        },
    ]


def _landmarks(bundle: Path) -> dict[str, Any]:
    return {
        "file": bundle.name,
        "bytes": bundle.stat().st_size,
        "sha256": file_sha256(bundle),
        "mesh_points": MESH_POINTS,
        "px": "x * width, y * height of the landmarker's fractions; pixel centers on integers",
        "ibug68_from_mesh": list(facs.IBUG_FROM_MEDIAPIPE),
    }


def _crop(size: int) -> dict[str, Any]:
    """Return the geometry of `face.align`, which is the definition."""
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
            "matrix": "a pixel x of the half is 2 x + 0.5 of the picture",
        },
        "tolerances": {name: row.as_dict() for name, row in CUT_POINTS.items()},
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
            **_reading(card, facs.AUS[au].label),
        }
        for au in card["aus"]
    ]


def _reading(card: dict[str, Any], label: str) -> dict[str, Any]:
    """Return the AU's interval, and why it is read poorly, where the run knew."""
    interval = card.get("intervals", {}).get("per_au", {}).get(label)
    low_reliability = card.get("low_reliability", {}).get(label)
    return ({"interval": interval} if interval else {}) | (
        {"low_reliability": low_reliability} if low_reliability else {}
    )


def _interval_level(card: dict[str, Any]) -> dict[str, Any]:
    if "intervals" not in card:
        return {}
    rule = (
        "an AU's interval is its intensity plus `below` and `above` at place "
        "floor(intensity + 0.5), clipped to 0 to 5"
    )
    return {"intervals": {"level": card["intervals"]["level"], "rule": rule}}


def _variant(model: AssetModel) -> dict[str, Any]:
    entries = model.entries
    allowed = {"cpu": outputs(entries["weights"]), "gpu": GPU}
    return {
        "file": model.path.name,
        "bytes": entries["bytes"],
        "sha256": entries["sha256"],
        "weights": entries["weights"],
        "accelerators": model.accelerators,
        "tolerances": {
            place: {name: row.as_dict() for name, row in allowed[place].items()}
            for place in model.accelerators
        },
    }
