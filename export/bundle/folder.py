"""Write or check an asset folder; its generated files are replaced together or not at all."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from export.bundle.documents import NOTICE, ROOT, model_card, notice
from export.bundle.golden.check import golden_problems
from export.bundle.golden.vectors import FOLDER, keep_golden, write_golden
from export.bundle.manifest import MANIFEST, files, is_generated, manifest_problems, manifest_text
from export.bundle.metadata import LABELS, METADATA, labels, metadata
from export.bundle.models import AssetError, AssetModel, read_models
from export.report import FIGURES, PICTURE, REPORT
from fau_tf.face.bundle import BUNDLE_NAME
from fau_tf.utils.files import replacing

MODEL_CARD: Final = "MODEL_CARD.md"
LICENSE: Final = "LICENSE"
SHIPPED: Final = ROOT / "android_demo_assets"
"""Has the hand-written files for a new folder."""
Log = Callable[[str], None]


def make_assets(folder: Path, export: Callable[[Path], list[str]], *, log: Log) -> list[str]:
    """Replace the models and everything that describes them; return the refused variants.

    If a variant is refused or anything fails, the folder is unchanged. A folder that is new or
    empty gets the hand-written files of this checkout as well.

    Args:
        folder: Contains the hand-written files, or nothing.
        export: Writes models and their report into a folder; returns the refused variants.
        log: Receives progress lines.

    Raises:
        AssetError: If the exported files or those in the folder don't make an asset folder.
    """
    new = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    with _stage(folder, new=new) as stage:
        # A fault shows now, not after minutes of evaluation.
        by_hand = _hand_written(SHIPPED if new else folder)
        if new:
            _copy(by_hand, stage)
        refused = export(stage)
        if not refused:
            _describe(stage if new else folder, stage, new_golden=True, log=log)
            _put(stage, folder)
    return refused


def describe(folder: Path, *, new_golden: bool = False, log: Log) -> None:
    """Write metadata, documents, golden vectors and manifest for the models in a folder.

    Args:
        folder: Contains the models and the hand-written files.
        new_golden: Whether to replace golden vectors that are still within tolerance.
        log: Receives progress lines.

    Raises:
        AssetError: If the files in the folder don't make an asset folder.
    """
    with _stage(folder) as stage:
        for model in read_models(folder):
            for path in (model.path, model.path.with_suffix(".json")):
                shutil.copyfile(path, stage / path.name)
        for name in (REPORT, FIGURES, PICTURE):
            if (folder / name).exists():
                shutil.copyfile(folder / name, stage / name)
        _describe(folder, stage, new_golden=new_golden, log=log)
        _put(stage, folder)


def relist(folder: Path) -> None:
    """Write the manifest again, after a change to hand-written files.

    Raises:
        AssetError: If the folder has a file that doesn't belong there, or lacks one.
    """
    text = manifest_text(files(folder))
    with replacing(folder / MANIFEST) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def problems(folder: Path) -> list[str]:
    """Return the faults of a folder, one line each."""
    lines = manifest_problems(folder)
    if lines:
        return lines  # further faults would only follow from these
    try:
        models = read_models(folder)
        texts = _texts(models, folder, folder)
    except AssetError as error:
        return [str(error)]
    lines = [
        f"stale: {name} differs from what the models and this version of fau_tf give. Run: "
        "make describe"
        for name, text in texts.items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text
    ]
    return [*lines, *golden_problems(folder / FOLDER, models)]


@contextmanager
def _stage(folder: Path, *, new: bool = False) -> Iterator[Path]:
    """Give a temporary folder on the same disk, in which the new files are completed."""
    if not new and not folder.is_dir():
        raise AssetError(
            f"{folder} must be the asset folder with its hand-written files. Received: no folder. "
            "Restore it from Git, or write a new one: python -m export.bundle make FOLDER --run RUN"
        )
    there = next(place for place in folder.resolve().parents if place.is_dir())
    _require_movable(there, folder)
    with tempfile.TemporaryDirectory(dir=there, prefix=".assets-") as stage:
        yield Path(stage)


def _require_movable(parent: Path, folder: Path) -> None:
    """Raise AssetError unless files can be completed in a parent of the folder and moved there."""
    for place in (parent, folder):
        if place.exists() and not _is_writable(place):
            raise AssetError(
                f"{place} must be writable: files are completed in {parent} and then moved into "
                f"{folder}. Name a folder in another place, and copy the result."
            )
    if folder.exists() and _disk(folder) != _disk(parent):
        raise AssetError(
            f"{folder} must be on the disk of {parent}, where it is completed and then moved. It "
            "is a disk or volume of its own: name a folder inside it."
        )


def _is_writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def _disk(folder: Path) -> int:
    return folder.stat().st_dev


def _copy(by_hand: Mapping[str, Path], folder: Path) -> None:
    for path, where in by_hand.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(where, folder / path)  # with its mode: gradlew is executable


def _describe(folder: Path, stage: Path, *, new_golden: bool, log: Log) -> None:
    """Complete `stage`, which has the models, with all files that describe them."""
    models = read_models(stage)
    by_hand = _hand_written(folder)
    for name, text in _texts(models, stage, folder).items():
        (stage / name).write_text(text, encoding="utf-8")
    _golden_vectors(models, folder / FOLDER, stage / FOLDER, new=new_golden, log=log)
    (stage / MANIFEST).write_text(manifest_text(by_hand | files(stage)), encoding="utf-8")


def _golden_vectors(
    models: Sequence[AssetModel], golden: Path, out: Path, *, new: bool, log: Log
) -> None:
    """Write golden vectors, or copy those in `golden` if they are within tolerance.

    Rendering and models differ in the last digits from one machine to another. Keeping valid
    vectors means that they change only when the code or a model does.
    """
    log("== golden vectors")
    changes = [] if new else golden_problems(golden, models, check_index=False)
    for line in changes:
        log(f"   {line}")
    if new or changes:
        write_golden(models, out, log=log)
    else:
        keep_golden(models, golden, out)
        log("   kept: all are within tolerance")


def _hand_written(folder: Path) -> dict[str, Path]:
    """Return the hand-written files; raise AssetError if one is missing or doesn't belong."""
    found = {path: where for path, where in files(folder).items() if not is_generated(path)}
    manifest_text(found)
    return found


def _texts(models: Sequence[AssetModel], exported: Path, folder: Path) -> dict[str, str]:
    """Return file name -> content of metadata and documents.

    Args:
        models: From `read_models`.
        exported: Contains the export's report.
        folder: Contains the face landmarker.
    """
    try:
        figures = json.loads((exported / FIGURES).read_text(encoding="utf-8"))
        described = metadata(models, folder / BUNDLE_NAME)
    except (OSError, ValueError) as error:
        raise AssetError(
            f"An asset folder must have {BUNDLE_NAME} and the export's {FIGURES}. Received: "
            f"{error}. Restore them from Git, or export again: make assets"
        ) from error
    return {
        LABELS: labels(models),
        METADATA: json.dumps(described, indent=1) + "\n",
        MODEL_CARD: model_card(models, figures["facts"]["machine"]),
        NOTICE: notice(models),
        LICENSE: (ROOT / LICENSE).read_text(encoding="utf-8"),
    }


def _put(stage: Path, folder: Path) -> None:
    """Move the new files into place, the manifest last; remove generated files that are gone."""
    new = files(stage)
    for path in (*(path for path in new if path != MANIFEST), MANIFEST):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        new[path].replace(folder / path)
    for path, where in files(folder).items():
        if is_generated(path) and path not in new:
            where.unlink()
