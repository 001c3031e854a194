"""The models of an asset folder, read and checked against one another."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from export.specs import EXPORT_SPECS
from fau_tf import facs
from fau_tf.face import align
from fau_tf.inference.model_info import ModelError, read_model

_SHARED: Final = (
    "contract_version", "preset", "image_size", "heatmap_size", "aus", "au_labels", "au_names",
    "rule", "centers", "crop", "training_data",
)  # fmt: skip
"""JSON entries that must be the same in all variants."""
_OPTIONAL: Final = ("intervals", "coverage", "low_reliability", "real_faces")
"""The same in all variants but those that are fine-tuned, which have figures of their own."""
_NEEDED: Final = (
    *_SHARED, "variant", "accelerators", "weights", "bytes", "versions", "commit", "dirty",
    "parity", "cpu_latency_ms",
)  # fmt: skip


def own_figures(models: Sequence["AssetModel"]) -> str:
    """Return a sentence on the variants for which the others' intervals don't hold, or nothing."""
    own = [model.path.with_suffix(".json").name for model in models[1:] if model.fine_tuned]
    return f"Those of the fine-tuned variant are in `{own[0]}`." if own else ""


class AssetError(ValueError):
    """The files of a folder can't be made, or aren't, an asset folder."""


@dataclass(frozen=True)
class AssetModel:
    """One exported variant.

    Attributes:
        path: Its .tflite file.
        entries: Content of the JSON file beside it.
    """

    path: Path
    entries: dict[str, Any]

    @property
    def variant(self) -> str:
        """Its key in `EXPORT_SPECS`."""
        return str(self.entries["variant"])

    @property
    def fine_tuned(self) -> bool:
        """Whether figures of the other variants are not its."""
        return EXPORT_SPECS[self.variant].fine_tuned

    @property
    def accelerators(self) -> list[str]:
        """What runs all of its operators: `cpu`, or `cpu` and `gpu`."""
        return list(self.entries["accelerators"])


def read_models(folder: Path) -> list[AssetModel]:
    """Return the variants in a folder, in the order of `EXPORT_SPECS`.

    Raises:
        AssetError: If there is none, one is unusable, or two are of different networks.
    """
    models = [_read(path) for path in sorted(folder.glob("*.tflite"))]
    if not models:
        raise AssetError(
            f"{folder} must have a .tflite file with its JSON file. Received: none. Run: make "
            "assets"
        )
    order = list(EXPORT_SPECS)
    models.sort(key=lambda model: order.index(model.variant))
    first = models[0]
    for other in models[1:]:
        keys = (*_SHARED, *(() if other.fine_tuned else _OPTIONAL))
        differ = [key for key in keys if other.entries.get(key) != first.entries.get(key)]
        differ += ["variant"] * (other.variant == first.variant)
        if differ:
            raise AssetError(
                f"{folder}: all models must be different variants of one network. Received: "
                f"{first.path.name} and {other.path.name}, which disagree on or share "
                f"{', '.join(differ)}. Export them together: make assets"
            )
    return models


def _read(path: Path) -> AssetModel:
    try:
        read_model(path)
    except ModelError as error:
        raise AssetError(str(error)) from error
    entries = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    lacking = [key for key in _NEEDED if key not in entries]
    if lacking or entries["variant"] not in EXPORT_SPECS:
        received = f"no {', '.join(lacking)}" if lacking else f"variant {entries['variant']!r}"
        raise AssetError(
            f"{path}: the JSON file must describe an evaluated variant. Received: {received}. "
            "Export it with `python -m export --run RUN`."
        )
    # An app computes the crop from the metadata, so this code's has to be the model's.
    crop = {"anchors_ibug68": list(align.ANCHORS), "template": align.TEMPLATE.tolist()}
    names = [facs.AUS[au].name for au in entries["aus"]]
    if entries["crop"] != crop or entries["au_names"] != names:
        raise AssetError(
            f"{path}: `crop` and `au_names` must be those of this version of fau_tf. Received: "
            f"{entries['crop']} and {entries['au_names']}. Export the model again."
        )
    return AssetModel(path, entries)
