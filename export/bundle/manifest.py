"""manifest.json: every file of an asset folder with its size and SHA-256."""

import fnmatch
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from export.bundle.metadata import LABELS, METADATA
from export.bundle.models import AssetError
from fau_tf import contract
from fau_tf.face.bundle import BUNDLE_NAME
from fau_tf.utils.files import file_sha256

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
HAND_WRITTEN: Final = (
    "README.md", BUNDLE_NAME, "kotlin/*", "app/*", "gradle*", "*.gradle.kts", ".git*",
)  # fmt: skip
"""Files that no command writes; the manifest lists them."""
BUILT: Final = frozenset((".gradle", ".idea", ".kotlin", "build", "local.properties"))
"""Names of what Android Studio and Gradle write: no files of the folder."""
GENERATED: Final = (
    "fau_*.tflite", "fau_*.json", "report.md", "parity.json", "parity.png", LABELS,
    "MODEL_CARD.md", "NOTICE", "LICENSE", "golden/*", MANIFEST,
)  # fmt: skip
"""Files that commands write, and remove if they no longer write them."""

MAX_FOLDER: Final = 20_000_000
"""Most bytes of all files together."""
MAX_APP: Final = 10_000_000
"""Most bytes that an app ships: one variant, its metadata and the landmarker."""

_NEXT: Final = "Restore it from Git, or run: make describe"


def is_generated(path: str) -> bool:
    """Return whether commands write the file at `path`, which is relative to the folder."""
    return _matches(path, GENERATED)


def files(folder: Path) -> dict[str, Path]:
    """Return every file in a folder but what is `BUILT`, by its path in it, sorted."""
    found = ((path.relative_to(folder), path) for path in folder.rglob("*") if not path.is_dir())
    return dict(
        sorted((short.as_posix(), path) for short, path in found if not BUILT & set(short.parts))
    )


def manifest_text(listed: Mapping[str, Path]) -> str:
    """Return manifest.json.

    Args:
        listed: Path in the folder -> where the file is now.

    Raises:
        AssetError: If a file is neither generated nor in `HAND_WRITTEN`, one of the latter is
            missing, or fau_metadata.json can't be read.
    """
    stray = [path for path in listed if not _matches(path, (*GENERATED, *HAND_WRITTEN))]
    if stray:
        raise AssetError(
            f"A file of an asset folder must be generated, or among {', '.join(HAND_WRITTEN)}. "
            f"Received: {', '.join(stray)}. Move it out of the folder."
        )
    lacking = [name for name in HAND_WRITTEN if "*" not in name and name not in listed]
    if lacking:
        raise AssetError(
            f"An asset folder must have {', '.join(lacking)}, which no command writes. Received: "
            "no such file. Restore it from Git, or name a new folder."
        )
    rows = [
        {"path": path, "generated": is_generated(path), **_row(where)}
        for path, where in sorted(listed.items())
        if path != MANIFEST
    ]
    whole = {"format": FORMAT, "contract_version": _contract_version(listed), "files": rows}
    return json.dumps(whole, indent=1) + "\n"


def _contract_version(listed: Mapping[str, Path]) -> int:
    """Return the contract version of the listed models: that of their metadata."""
    if METADATA not in listed:
        return contract.CONTRACT_VERSION
    try:
        return int(json.loads(listed[METADATA].read_text(encoding="utf-8"))["contract_version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise AssetError(
            f"{METADATA}: must be readable and state `contract_version`. Received: {why}. {_NEXT}"
        ) from error


def manifest_problems(folder: Path) -> list[str]:
    """Return which files are missing, altered, unknown or too large, one line each."""
    try:
        manifest: Any = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        listed = {row["path"]: row for row in manifest["files"]}
        version = manifest["format"], manifest["contract_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"{type(error).__name__}: {error}"
        return [f"{MANIFEST}: must be readable and list the files. Received: {why}. {_NEXT}"]
    if version[0] != FORMAT or not contract.readable_version(version[1]):
        return [
            f"{MANIFEST}: format and contract version must be {FORMAT} and "
            f"{contract.readable_versions()}. Received: {version[0]!r} and {version[1]!r}. {_NEXT}"
        ]
    present = {path: where for path, where in files(folder).items() if path != MANIFEST}
    return [*_file_problems(listed, present), *_size_problems(folder, present)]


def _file_problems(listed: Mapping[str, Any], present: Mapping[str, Path]) -> Iterator[str]:
    for path in sorted({*listed, *present}):
        if path not in present:
            yield f"missing: {path} is listed in {MANIFEST}. {_NEXT}"
        elif path not in listed:
            yield f"unknown: {path} is not listed in {MANIFEST}. Remove it, or run: make describe"
        else:
            wanted = {key: listed[path].get(key) for key in ("bytes", "sha256")}
            if (found := _row(present[path])) != wanted:
                yield f"altered: {path} must have {wanted}. Received: {found}. {_NEXT}"


def _size_problems(folder: Path, present: Mapping[str, Path]) -> Iterator[str]:
    whole = _bytes((*present.values(), folder / MANIFEST))
    if whole > MAX_FOLDER:
        yield (
            f"The folder must have at most {MAX_FOLDER} bytes. Received: {whole}. Omit a variant, "
            "or use a smaller preset."
        )
    shared = [present[name] for name in (BUNDLE_NAME, METADATA, LABELS) if name in present]
    for path, where in present.items():
        beside = present.get(path.removesuffix(".tflite") + ".json")
        if path.endswith(".tflite"):
            app = _bytes((where, *shared, *([beside] if beside else [])))
            if app > MAX_APP:
                yield (
                    f"{path} with its metadata and {BUNDLE_NAME} must have at most {MAX_APP} "
                    f"bytes. Received: {app}. Use a smaller preset or another variant."
                )


def _row(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": file_sha256(path)}


def _bytes(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
