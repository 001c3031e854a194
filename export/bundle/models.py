"""The models of an asset folder, read and checked against each other."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from export.specs import EXPORT_SPECS
from fau_tf import contract, facs
from fau_tf.face import align
from fau_tf.inference.model_info import ModelError, read_model

_SHARED: Final = (
    "contract_version", "preset", "image_size", "heatmap_size", "aus", "au_labels", "au_names",
    "rule", "centers", "crop", "training_data",
)  # fmt: skip
"""What an app may rely on, whichever variant it loads."""
_MAY_BE: Final = ("intervals", "low_reliability")
_NEEDED: Final = (
    *_SHARED, "variant", "accelerators", "weights", "bytes", "versions", "commit", "dirty",
    "parity", "cpu_latency_ms",
)  # fmt: skip


class AssetError(ValueError):
    """A folder of which no assets can be made."""


@dataclass(frozen=True)
class AssetModel:
    """One variant.

    Attributes:
        path: Its .tflite file.
        entries: The JSON beside it.
    """

    path: Path
    entries: dict[str, Any]

    @property
    def variant(self) -> str:
        """Its row of `EXPORT_SPECS`."""
        return str(self.entries["variant"])

    @property
    def accelerators(self) -> list[str]:
        """Where it runs whole."""
        return list(self.entries["accelerators"])

    @property
    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape of each tensor of the contract."""
        size, side = self.entries["image_size"], self.entries["heatmap_size"]
        return {
            contract.INPUT: (1, size, size, 3),
            contract.OUTPUT_INTENSITY: (1, len(self.entries["aus"])),
            contract.OUTPUT_HEATMAPS: (1, side, side, len(self.entries["centers"])),
        }


def read_models(folder: Path) -> list[AssetModel]:
    """Return the variants in a folder, in the order of `EXPORT_SPECS`.

    Raises:
        AssetError: If there is none, one can't be used, or two are not of one network.
    """
    models = [_read(path) for path in sorted(folder.glob("*.tflite"))]
    if not models:
        raise AssetError(
            f"{folder}: must hold a .tflite file with its JSON. Received: none. Export one: "
            "make assets"
        )
    order = list(EXPORT_SPECS)
    models.sort(key=lambda model: order.index(model.variant))
    first = models[0]
    for other in models[1:]:
        keys = (*_SHARED, *_MAY_BE)
        differ = [key for key in keys if other.entries.get(key) != first.entries.get(key)]
        differ += ["variant"] * (other.variant == first.variant)
        if differ:
            raise AssetError(
                f"{folder}: models must be variants of one network. Received: {first.path.name} "
                f"and {other.path.name}, with other or twice the same {', '.join(differ)}. Export "
                "them together: make assets"
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
            f"{path}: its JSON must be of a variant that was judged. Received: {received}. Export "
            "it by `python -m export --run RUN`."
        )
    # An app computes the crop from the metadata: it has to be the one of this code.
    ours = {"anchors_ibug68": list(align.ANCHORS), "template": align.TEMPLATE.tolist()}
    names = [facs.AUS[au].name for au in entries["aus"]]
    if entries["crop"] != ours or entries["au_names"] != names:
        raise AssetError(
            f"{path}: the crop and the names of the AUs must be those of fau_tf. Received: others. "
            "Export it with this version of fau_tf."
        )
    return AssetModel(path, entries)
