"""Which model made a result: in every row, under every picture and inside its file."""

import json
from pathlib import Path
from typing import Any, Final

from PIL import Image as PillowImage

from fau_tf import contract
from fau_tf.face.align import Image
from fau_tf.inference.model_info import ModelInfo
from fau_tf.utils.files import replacing
from fau_tf.utils.text import readable

_DESCRIPTION, _SOFTWARE = 0x010E, 0x0131  # EXIF tags
_OPTIONS: Final = {".jpg": {"quality": 92}, ".jpeg": {"quality": 92}, ".webp": {"quality": 92}}


def provenance(info: ModelInfo) -> dict[str, str | int]:
    """Return the model's name, its SHA-256 and the contract version that it keeps."""
    return {
        "model": readable(info.name),
        "model_sha256": info.sha256,
        "contract_version": contract.CONTRACT_VERSION,
    }


def caption(info: ModelInfo) -> str:
    """Return the line under a picture."""
    version = contract.CONTRACT_VERSION
    return f"{readable(info.name)}, SHA-256 {info.sha256[:16]}, contract {version}"


def save_picture(path: Path, picture: Image, info: ModelInfo) -> None:
    """Write a picture whole, with `provenance` as JSON in its EXIF description.

    Args:
        path: Ends in .png, .jpg, .jpeg or .webp; replaced if it exists.
        picture: (H, W, 3) RGB uint8.
        info: The model's.

    Raises:
        ValueError: If the ending is one that Pillow doesn't know.
        OSError: If the file can't be written; `path` is then as it was.
    """
    exif = PillowImage.Exif()
    exif[_DESCRIPTION] = json.dumps(provenance(info))
    exif[_SOFTWARE] = "fau_tf"
    with replacing(path) as unfinished:
        options: dict[str, Any] = _OPTIONS.get(path.suffix.lower(), {})
        PillowImage.fromarray(picture).save(unfinished, exif=exif, **options)
