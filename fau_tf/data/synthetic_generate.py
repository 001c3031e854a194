"""Render a set of synthetic faces with many processes; finished shards are kept."""

import hashlib
import json
import sys
from collections.abc import Callable, Generator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from fau_tf.data import dataset_card
from fau_tf.data.process_pool import worker_pool
from fau_tf.data.record import FORMAT_VERSION
from fau_tf.data.synthetic_set import SyntheticSet, person_name, person_rows
from fau_tf.data.tfrecord import RecordWriter, shard_files
from fau_tf.synthetic.registry import RIGS
from fau_tf.utils.files import file_sha256, lock_folder, replacing

CARD: Final = "card.json"
CARD_PAGE: Final = "card.md"
_PEOPLE_PER_SHARD: Final = 10
_PEOPLE_PER_PROCESS: Final = {"fast": 400, "path": 100}
"""After so many a fresh process takes over: native code may keep some memory. Starting one takes as
long as eight people with one path-traced face each."""
_RETRIES: Final = 3
"""Crashes in a row, without a finished shard in between, before rendering stops."""

Log = Callable[[str], None]
Rows = list[dict[str, Any]]
Shard = tuple[Path, Sequence[int]]
"""A file and the people whose faces belong in it."""


@dataclass(frozen=True)
class GeneratedSet:
    """A complete set.

    Attributes:
        folder: Its own folder.
        people: Names of the people in it, sorted.
    """

    folder: Path
    people: tuple[str, ...]


def generate(
    settings: SyntheticSet, parent: Path, *, processes: int, log: Log, only: Sequence[str] = ()
) -> GeneratedSet:
    """Return the set, after rendering the shards that are missing.

    Args:
        settings: What to generate.
        parent: Where the set's own folder lies, which is named after the settings.
        processes: Number of rendering processes; it does not change the result.
        log: Prints a line.
        only: Names of the people wanted; by default everyone.

    Raises:
        ValueError: If a shard has changed, or a rig's file is missing or malformed.
        OSError: If another process generates the same set.
        BrokenProcessPool: If rendering crashes again and again.
    """
    everyone = [person_name(i) for i in range(settings.people)]
    people = [i for i, name in enumerate(everyone) if not only or name in set(only)]
    identity, folder = _locate(settings, parent, only)
    if (folder / CARD).is_file():  # no lock: many processes may read a complete set
        require_intact(folder)
        log(f"   {folder.name} is complete")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        with lock_folder(folder, "one process at a time generates a set"):
            for name in settings.rigs:
                RIGS[name](settings.ict)  # reports a malformed file before work begins
            _render_shards(settings, _shards(folder, people), processes, log)
            _write_card(folder, identity)
    return GeneratedSet(folder, tuple(everyone[i] for i in people))


def is_complete(settings: SyntheticSet, parent: Path) -> bool:
    """Return whether the whole set has been generated."""
    return (_locate(settings, parent)[1] / CARD).is_file()


def require_intact(folder: Path) -> None:
    """Raise ValueError unless every shard has the hash that the card lists."""
    try:
        expected = json.loads((folder / CARD).read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"{folder / CARD} can't be read: {error}. Delete the folder; the same command makes it "
            "again."
        ) from error
    found = {file.name: file_sha256(file) for file in shard_files(folder)}
    if found != expected:
        changed = sorted(name for name in expected if found.get(name) != expected[name])
        raise ValueError(
            f"{folder}: shards differ from the hashes in {CARD}: "
            f"{', '.join(changed) or 'additional files'}. Delete the folder; the same command "
            "makes it again."
        )


def _locate(
    settings: SyntheticSet, parent: Path, only: Sequence[str] = ()
) -> tuple[dict[str, Any], Path]:
    """Return what decides the bytes of a set, and its folder, named after that."""
    identity = settings.identity() | {"format": FORMAT_VERSION, "only": list(only)}
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:10]
    return identity, parent / f"{settings.name}-{key}"


def _shards(folder: Path, people: Sequence[int]) -> list[Shard]:
    starts = range(0, len(people), _PEOPLE_PER_SHARD)
    return [
        (
            folder / f"faces-{i:05d}-of-{len(starts):05d}.tfrecord",
            people[start : start + _PEOPLE_PER_SHARD],
        )
        for i, start in enumerate(starts)
    ]


def _render_shards(
    settings: SyntheticSet, shards: Sequence[Shard], processes: int, log: Log
) -> None:
    """Render the shards that are missing; after a crash, begin the unfinished shard again."""
    crashes = 0
    while missing := [shard for shard in shards if not shard[0].is_file()]:
        if len(missing) < len(shards):
            log(f"   {len(shards) - len(missing)} of {len(shards)} shards are complete")
        try:
            _write_shards(settings, missing, processes)
        except BrokenProcessPool as error:
            first = missing[0][0]
            crashes = 1 if first.is_file() else crashes + 1
            if crashes > _RETRIES:
                raise BrokenProcessPool(
                    f"Rendering {first.name} crashed {crashes} times. Set data.renderers to leave "
                    "out `path`, or lower data.processes if memory is short."
                ) from error
            log("   a rendering process crashed; its shard is rendered again")


def _write_shards(settings: SyntheticSet, shards: Sequence[Shard], processes: int) -> None:
    people = [person for _, members in shards for person in members]
    progress = tqdm(
        total=len(people) * settings.faces_per_person,
        unit=" faces",
        mininterval=0.2 if sys.stderr.isatty() else 30,
    )
    with closing(_rendered(settings, people, processes)) as rendered, progress:
        for path, members in shards:
            with replacing(path) as unfinished, RecordWriter(unfinished) as writer:
                for _ in members:
                    for row in next(rendered):
                        writer.write(row)
                        progress.update()


def _rendered(
    settings: SyntheticSet, people: Sequence[int], processes: int
) -> Generator[Rows, None, None]:
    """Yield the faces of each person, in order, whatever `processes` is."""
    work = partial(person_rows, settings)
    if processes == 1 and "path" not in settings.renderers:
        yield from map(work, people)
        return
    step = min(_PEOPLE_PER_PROCESS[name] for name in settings.renderers) * processes
    for start in range(0, len(people), step):
        # A new pool, and not max_tasks_per_child, which can wait for ever in Python 3.11.
        with worker_pool(processes) as pool:
            yield from pool.map(work, people[start : start + step])


def _write_card(folder: Path, identity: dict[str, Any]) -> None:
    files = shard_files(folder)
    content = identity | dataset_card.describe(files)
    content["sha256"] = {file.name: file_sha256(file) for file in files}
    with replacing(folder / CARD_PAGE) as unfinished:
        unfinished.write_text(dataset_card.page(folder.name, content), encoding="utf-8")
    with replacing(folder / CARD) as unfinished:
        unfinished.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
