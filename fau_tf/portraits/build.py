"""Folders of photos -> a set of portraits, with the reason for each photo that is left out."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image as PillowImage

from fau_tf.io.images import UnreadableError, read_image
from fau_tf.portraits.collection import Collection, Photo, photos
from fau_tf.portraits.london import open_collection
from fau_tf.portraits.portrait_set import CARD, Portrait, write_set
from fau_tf.portraits.screening import Find, RefusedError, screen
from fau_tf.portraits.start import NOT_SMILING, RANKED, SMILE, stated, with_measured_smiles
from fau_tf.utils.files import lock_folder, replacing

REFUSED: Final = "refused.csv"
SHEET: Final = "contact_sheet.jpg"
PAGE: Final = "card.md"
TEST_SUBJECT: Final = "test subject"
SKIPPED: Final = "left out by a rule"
_THUMBNAIL, _COLUMNS, _MOST = 80, 20, 800

Log = Callable[[str], None]


def build_set(
    folders: Sequence[Path], out: Path, *, find: Find, size: int, margin: float, log: Log
) -> list[Portrait]:
    """Write a set of portraits into the folder `out`; return them.

    Args:
        folders: Each with photos and a `portraits.toml`.
        out: Folder of the set; made if missing. An older set in it is replaced once all photos are
            read.
        find: Finds the faces of a photo.
        size: Rows and columns of a portrait, px.
        margin: Field of view relative to the aligned crop.
        log: Prints a line.

    Raises:
        CollectionError: If a folder has no license or is wrong otherwise.
        ValueError: If no photo can be used, two folders have one name, or `out` is inside one.
    """
    collections = [open_collection(folder) for folder in folders]
    names = [one.name for one in collections]
    if len(set(names)) < len(names):
        raise ValueError(
            f"Folders must have different names. Received: {names}. Set `name` in one."
        )
    for one in collections:
        _require_outside(out, one)
    listed = [photo for one in collections for photo in photos(one)]
    out.mkdir(parents=True, exist_ok=True)
    with lock_folder(out, "one process at a time makes a set"):
        found, refused = _read(listed, find, size, margin, log)
        if not found:
            raise ValueError(
                f"No photo of {names} can be used: {_reasons(refused)}. Add others, or change "
                "`portraits.toml`."
            )
        found = with_measured_smiles(found)
        report = _report(found, refused)
        write_set(out, found, [_credit(one) for one in collections], report)
        _write_refused(out / REFUSED, refused)
        _write_sheet(out / SHEET, found)
        _write_page(out)
    return found


def _require_outside(out: Path, collection: Collection) -> None:
    """Refuse a set whose contact sheet would be a photo of the next build, and move its split."""
    if out.resolve().is_relative_to(collection.folder.resolve()):
        raise ValueError(
            f"{out}: a set must lie outside of its photos' folder {collection.folder}, whose "
            "pictures are all read as photos. Give another folder as --out."
        )


def _read(
    listed: Sequence[Photo], find: Find, size: int, margin: float, log: Log
) -> tuple[list[Portrait], list[tuple[Photo, str]]]:
    found: list[Portrait] = []
    refused: list[tuple[Photo, str]] = []
    for i, photo in enumerate(listed, 1):
        try:
            if photo.part == "test":
                raise RefusedError(TEST_SUBJECT)
            if photo.skip:
                raise RefusedError(SKIPPED)
            face = screen(read_image(photo.path), find, size, margin)
        except (RefusedError, UnreadableError) as error:
            refused.append((photo, str(error)))
            continue
        finally:
            if i % 200 == 0:
                log(f"   {i} of {len(listed)} photos")
        found.append(
            Portrait(
                image=face.image, mesh=face.mesh,
                start={**stated(photo.expression), **photo.intensity},
                expression=photo.expression, subject=photo.subject, part=photo.part,
                source=photo.source,
            )
        )  # fmt: skip
    return found, refused


def _report(found: Sequence[Portrait], refused: Sequence[tuple[Photo, str]]) -> dict[str, Any]:
    return {
        "parts": dict(sorted(Counter(one.part for one in found).items())),
        "expressions": dict(sorted(Counter(one.expression for one in found).items())),
        "refused": _counted(refused),
        "labels": {
            "neutral": "all AUs 0, as stated for the photo",
            "smiling": f"AUs {list(NOT_SMILING)} 0; AUs {list(SMILE)} from the movement of the "
            f"mesh against the same person's neutral portrait; AUs {list(RANKED)} above neutral",
            "unknown": "none",
        },
    }


def _counted(refused: Sequence[tuple[Photo, str]]) -> dict[str, int]:
    return dict(sorted(Counter(reason.split(":")[0] for _, reason in refused).items()))


def _reasons(refused: Sequence[tuple[Photo, str]]) -> str:
    counted = _counted(refused)
    return ", ".join(f"{reason} ({n})" for reason, n in counted.items()) or "there is none"


def _credit(collection: Collection) -> dict[str, str]:
    names = ("name", "license", "attribution", "source", "consent")
    return {name: getattr(collection, name) for name in names}


def _write_refused(path: Path, refused: Sequence[tuple[Photo, str]]) -> None:
    with replacing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("source", "reason"))
        table.writerows((photo.source, reason) for photo, reason in refused)


def _write_sheet(path: Path, found: Sequence[Portrait]) -> None:
    """Write the portraits side by side, with the mesh as dots."""
    shown = found[:_MOST]
    side = _THUMBNAIL
    rows = -(-len(shown) // _COLUMNS)
    sheet = np.full((rows * side, min(_COLUMNS, len(shown)) * side, 3), 255, np.uint8)
    for i, one in enumerate(shown):
        scale = side / len(one.image)
        small = np.array(PillowImage.fromarray(one.image).resize((side, side)))
        at = np.floor((one.mesh[::3] + 0.5) * scale).astype(int)
        x, y = at[((at >= 0) & (at < side)).all(1)].T
        small[y, x] = (0, 255, 0)
        row, column = divmod(i, _COLUMNS)
        sheet[row * side : (row + 1) * side, column * side : (column + 1) * side] = small
    with replacing(path) as unfinished:
        PillowImage.fromarray(sheet).save(unfinished, "JPEG", quality=85)


def _write_page(out: Path) -> None:
    card = json.loads((out / CARD).read_text(encoding="utf-8"))
    lines = [
        f"# {out.name}", "",
        f"{card['portraits']} portraits of {card['subjects']} people, {card['size']} px, aligned. "
        "The photos show real people: use them as their licenses and the sitters' consent allow.",
        "", "| collection | license | attribution | source | consent |", "|---" * 5 + "|",
        *("| " + " | ".join(one[key] for key in
          ("name", "license", "attribution", "source", "consent")) + " |"
          for one in card["collections"]),
    ]  # fmt: skip
    for title in ("parts", "expressions", "refused", "labels"):
        lines += ["", f"| {title} | |", "|---|---|"]
        lines += [f"| {key} | {value} |" for key, value in card[title].items()]
    with replacing(out / PAGE) as unfinished:
        unfinished.write_text("\n".join([*lines, ""]), encoding="utf-8")
