"""What the results of a source are called."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from fau_tf.io.sources import Source, SourceKind

LONGEST_STEM: Final = 220
"""Bytes; names may have 255, and endings come after the stem."""


def result_names(sources: Sequence[Source], out: Path) -> list[Path]:
    """Return for each source where its results go, without an ending: its stem and `_au`.

    Sources of one name are told apart by a number.

    Raises:
        ValueError: If a result would replace one of the sources.
    """
    taken: set[str] = set()
    names = [out / unique(_stem(source), taken) for source in sources]
    _keep_inputs(sources, names)
    return names


def picture_names(source: Source, folder: Path) -> list[Path]:
    """Return for each photo of a folder or pattern the path of its picture, without an ending.

    The folders that photos lie in are kept.
    """
    parents = [path.parent for path in source.paths]
    base = os.path.commonpath(parents) if parents else ""
    taken: dict[Path, set[str]] = {}
    names = []
    for path, parent in zip(source.paths, parents, strict=True):
        place = folder / os.path.relpath(parent, base or ".")
        names.append(place / unique(path.stem, taken.setdefault(place, set())))
    return names


def unique(stem: str, taken: set[str]) -> str:
    """Return a stem with `_au` that is not taken yet, and take it."""
    # A photo's name may be as long as file systems allow.
    short = os.fsdecode(os.fsencode(stem)[:LONGEST_STEM])
    name, count = f"{short}_au", 1
    while name in taken:
        count += 1
        name = f"{short}_{count}_au"
    taken.add(name)
    return name


def _stem(source: Source) -> str:
    if source.kind is SourceKind.PHOTOS:
        folder = Path(source.name)
        while any(mark in str(folder) for mark in "*?[") and not folder.exists():
            folder = folder.parent
        return Path(os.path.realpath(folder)).name or "photos"
    return source.paths[0].stem if source.paths else source.name


def _keep_inputs(sources: Iterable[Source], names: Iterable[Path]) -> None:
    # Unlike Path.resolve, realpath takes a link that leads to itself.
    inputs = {os.path.realpath(path) for source in sources for path in source.paths}
    folders = {os.path.realpath(s.name) for s in sources if s.kind is SourceKind.PHOTOS}
    for name in names:
        if os.path.realpath(name.parent) in folders:
            raise ValueError(
                f"--out: must not be a source, or its results would be read the next time. "
                f"Received: {name.parent}. Choose another folder, also one inside it."
            )
        for ending in (".png", ".csv", ".jsonl", ".mp4", "_plot.png"):
            result = with_ending(name, ending)
            if os.path.realpath(result) in inputs:
                raise ValueError(
                    f"--out: results must not replace a source. Received: {name.parent}, where "
                    f"{result} is one. Choose another folder."
                )


def with_ending(name: Path, ending: str) -> Path:
    """Return a path with an ending; a dot in the name is not one."""
    return name.with_name(name.name + ending)
