"""A set of aligned portraits on disk: one `.npz`, its card, what was refused, a contact sheet."""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from fau_tf import facs
from fau_tf.utils.files import file_sha256, replacing

FILE: Final = "portraits.npz"
CARD: Final = "card.json"
FORMAT_VERSION: Final = 1
JPEG_QUALITY: Final = 95

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Portrait:
    """One aligned portrait.

    Attributes:
        image: (R, R, 3) RGB uint8.
        mesh: (478, 2) mesh points in px of `image`.
        start: AU -> intensity in the photo, 0 to 5, where it is known.
        expression: `neutral`, `smiling` or `unknown`.
        subject: The person.
        part: `train` or `validation`.
        source: Collection and file.
    """

    image: Image
    mesh: npt.NDArray[np.float32]
    start: Mapping[int, float]
    expression: str
    subject: str
    part: str
    source: str


@dataclass(frozen=True, eq=False)
class PortraitSet:
    """The portraits of a folder; images are decoded one by one.

    Attributes:
        folder: Where it lies.
        size: R, rows and columns of an image.
        mesh: (N, 478, 2) float32 px.
        start: (N, A) float32 in the order of `facs.ALL`; NaN where unknown.
        expression, subject, part, source: (N,) text.
    """

    folder: Path
    size: int
    mesh: npt.NDArray[np.float32]
    start: npt.NDArray[np.float32]
    expression: npt.NDArray[np.str_]
    subject: npt.NDArray[np.str_]
    part: npt.NDArray[np.str_]
    source: npt.NDArray[np.str_]
    _jpeg: npt.NDArray[np.uint8]
    _end: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.mesh)

    def image(self, index: int) -> Image:
        """Return the (R, R, 3) image of a portrait."""
        start = int(self._end[index - 1]) if index else 0
        content = self._jpeg[start : int(self._end[index])].tobytes()
        with PillowImage.open(io.BytesIO(content), formats=("JPEG",)) as picture:
            return np.array(picture.convert("RGB"))

    def known(self, index: int) -> dict[int, float]:
        """Return AU -> intensity of a portrait, where it is known."""
        row = self.start[index]
        return {au: float(v) for au, v in zip(facs.ALL, row, strict=True) if np.isfinite(v)}


def write_set(
    folder: Path, portraits: Sequence[Portrait], collections: Sequence[Mapping[str, Any]],
    report: Mapping[str, Any],
) -> None:  # fmt: skip
    """Write the portraits and the card; the card last, so that it vouches for the rest.

    An older set stays until the new portraits are written.

    Args:
        folder: An existing folder.
        portraits: At least one, all of one size.
        collections: License and attribution of each.
        report: Further entries of the card.

    Raises:
        ValueError: If there are no portraits.
    """
    if not portraits:
        raise ValueError(f"{folder}: a set needs at least one portrait. Received: none.")
    files = [_jpeg(one.image) for one in portraits]
    arrays = {
        "version": np.array(FORMAT_VERSION),
        "aus": np.array(facs.ALL),
        "jpeg": np.frombuffer(b"".join(files), np.uint8),
        "end": np.cumsum([len(content) for content in files]),
        "mesh": np.stack([one.mesh for one in portraits]).astype(np.float32),
        "start": np.array([[one.start.get(au, np.nan) for au in facs.ALL] for one in portraits],
                          np.float32),
    }  # fmt: skip
    for name in ("expression", "subject", "part", "source"):
        arrays[name] = np.array([getattr(one, name) for one in portraits])
    with replacing(folder / FILE) as unfinished, unfinished.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
        (folder / CARD).unlink(missing_ok=True)  # an older card does not describe these portraits
    card = {
        "kind": "portraits",
        "format": FORMAT_VERSION,
        "portraits": len(portraits),
        "subjects": len({one.subject for one in portraits}),
        "size": len(portraits[0].image),
        "aus": list(facs.ALL),
        "collections": list(collections),
        **report,
        "sha256": {FILE: file_sha256(folder / FILE)},
    }
    with replacing(folder / CARD) as unfinished:
        unfinished.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def load_set(folder: Path) -> PortraitSet:
    """Return the portraits of a folder.

    AUs that the set does not know, because it is older than the table, are unknown at the start;
    in neutral portraits they are 0.

    Raises:
        ValueError: If the folder holds no complete set, or one that has changed.
    """
    card = _card(folder)
    if file_sha256(folder / FILE) != card["sha256"][FILE]:
        raise ValueError(
            f"{folder / FILE} differs from the hash in {CARD}. Make the set again: "
            "python -m fau_tf.cli.data portraits"
        )
    with np.load(folder / FILE, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    start = np.full((len(arrays["mesh"]), len(facs.ALL)), np.nan, np.float32)
    start[arrays["expression"] == "neutral"] = 0.0
    for column, au in enumerate(arrays["aus"].tolist()):
        if au in facs.ALL:
            start[:, facs.ALL.index(au)] = arrays["start"][:, column]
    return PortraitSet(
        folder=folder, size=int(card["size"]), mesh=arrays["mesh"], start=start,
        expression=arrays["expression"], subject=arrays["subject"], part=arrays["part"],
        source=arrays["source"], _jpeg=arrays["jpeg"], _end=arrays["end"],
    )  # fmt: skip


def set_fingerprint(folder: Path) -> str:
    """Return the SHA-256 that names a set's content."""
    return hashlib.sha256(json.dumps(_card(folder)["sha256"]).encode()).hexdigest()


def set_credits(folder: Path) -> list[str]:
    """Return a line per collection of a set: name, license, attribution, source and consent."""
    names = ("license", "attribution", "source", "consent")
    return [
        f"{one['name']}: " + "; ".join(one[name] for name in names if one.get(name))
        for one in _card(folder)["collections"]
    ]


def _card(folder: Path) -> dict[str, Any]:
    try:
        card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if card["kind"] != "portraits" or card["format"] != FORMAT_VERSION:
            raise ValueError(f"kind {card['kind']!r}, format {card['format']!r}")
        card["sha256"][FILE], card["size"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder}: no complete set of portraits: {error}. Make it with "
            "python -m fau_tf.cli.data portraits FOLDER --out SET"
        ) from error
    return card


def _jpeg(image: Image) -> bytes:
    buffer = io.BytesIO()
    PillowImage.fromarray(image).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()
