"""Everything of an asset folder that commands write, put in place at once."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from export.bundle.contract_json import LABELS, METADATA, labels, metadata
from export.bundle.golden.check import golden_problems
from export.bundle.golden.vectors import FOLDER, write_golden
from export.bundle.manifest import MANIFEST, files, is_generated, manifest_problems, manifest_text
from export.bundle.model_card import model_card
from export.bundle.models import AssetError, AssetModel, read_models
from export.bundle.notice import LICENCE, NOTICE, ROOT, notice
from export.report import FIGURES, PICTURE, REPORT
from fau_tf.face.mediapipe_landmarks import BUNDLE_NAME
from fau_tf.utils.files import replacing

MODEL_CARD: Final = "MODEL_CARD.md"
Say = Callable[[str], None]


def make_assets(folder: Path, export: Callable[[Path], list[str]], *, say: Say) -> list[str]:
    """Replace the models, and all that describes them; return the variants that were refused.

    Where one is refused, or anything fails, the folder stays as it is.

    Args:
        folder: Has the files that no command writes.
        export: Writes models and their report into a folder; returns the refused variants.
        say: Prints a line.

    Raises:
        AssetError: If what is exported or lies in the folder can't be made assets of.
    """
    with _stage(folder) as stage:
        _by_hand(folder)  # now, not after minutes of judging
        refused = export(stage)
        if not refused:
            _describe(folder, stage, say)
            _put(stage, folder)
    return refused


def describe(folder: Path, *, say: Say) -> None:
    """Write all that describes the models of a folder: metadata, card, golden vectors, manifest.

    Raises:
        AssetError: If no assets can be made of what lies there.
    """
    with _stage(folder) as stage:
        for model in read_models(folder):
            for path in (model.path, model.path.with_suffix(".json")):
                shutil.copyfile(path, stage / path.name)
        for name in (REPORT, FIGURES, PICTURE):
            if (folder / name).exists():
                shutil.copyfile(folder / name, stage / name)
        _describe(folder, stage, say)
        _put(stage, folder)


def relist(folder: Path) -> None:
    """Write the manifest anew, after a change to what is written by hand.

    Raises:
        AssetError: If a file is there that no asset folder has, or one is lacking.
    """
    text = manifest_text(files(folder))
    with replacing(folder / MANIFEST) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def problems(folder: Path) -> list[str]:
    """Return what is wrong with a folder, one line each; empty if nothing."""
    lines = manifest_problems(folder)
    if lines:
        return lines  # the rest would only follow from it
    try:
        models = read_models(folder)
        texts = _texts(models, folder, folder)
    except AssetError as error:
        return [str(error)]
    lines = [
        f"stale: {name}. It must be what the models and this version of fau_tf give. Describe the "
        "folder again: make describe"
        for name, text in texts.items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text
    ]
    return [*lines, *golden_problems(folder, models)]


@contextmanager
def _stage(folder: Path) -> Iterator[Path]:
    """Give a folder on the same disk, gone at the end, in which what is new is completed."""
    if not folder.is_dir():
        raise AssetError(
            f"{folder}: must be the folder of assets, with what is written by hand. Received: no "
            "folder. Restore it from Git."
        )
    with tempfile.TemporaryDirectory(dir=folder.resolve().parent, prefix=".assets-") as stage:
        yield Path(stage)


def _describe(folder: Path, stage: Path, say: Say) -> None:
    """Complete `stage`, where the models are, with all that describes them."""
    models = read_models(stage)
    by_hand = _by_hand(folder)
    for name, text in _texts(models, stage, folder).items():
        (stage / name).write_text(text, encoding="utf-8")
    write_golden(models, stage / FOLDER, say=say)
    text = manifest_text(by_hand | files(stage))
    (stage / MANIFEST).write_text(text, encoding="utf-8")


def _by_hand(folder: Path) -> dict[str, Path]:
    """Return the files that no command writes; raise AssetError where they aren't as they must."""
    found = {path: where for path, where in files(folder).items() if not is_generated(path)}
    manifest_text(found)
    return found


def _texts(models: Sequence[AssetModel], exported: Path, folder: Path) -> dict[str, str]:
    """Return name -> content of what says in words or JSON what the models are.

    Args:
        models: From `read_models`.
        exported: Where the export's report is.
        folder: Where the face landmarker is.
    """
    try:
        figures = json.loads((exported / FIGURES).read_text(encoding="utf-8"))
        described = metadata(models, folder / BUNDLE_NAME)
    except (OSError, ValueError) as error:
        raise AssetError(
            f"Assets must have {BUNDLE_NAME} and the export's {FIGURES}. Received: {error}. "
            "Restore them from Git, or export again: make assets"
        ) from error
    return {
        LABELS: labels(models),
        METADATA: json.dumps(described, indent=1) + "\n",
        MODEL_CARD: model_card(models, figures),
        NOTICE: notice(models),
        LICENCE: (ROOT / LICENCE).read_text(encoding="utf-8"),
    }


def _put(stage: Path, folder: Path) -> None:
    """Move what is complete into place, the manifest last; remove what isn't written any more."""
    new = files(stage)
    for path in (*(path for path in new if path != MANIFEST), MANIFEST):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        new[path].replace(folder / path)
    for path, where in files(folder).items():
        if is_generated(path) and path not in new:
            where.unlink()
