"""A generated set on disk: rendered by many processes, shard by shard, and resumed by shard."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from fau_tf.data import dataset_card
from fau_tf.data.process_pool import worker_pool
from fau_tf.data.record import FORMAT_VERSION
from fau_tf.data.synthetic_set import SyntheticSet, person_name, person_rows
from fau_tf.data.tfrecord import RecordWriter, shard_files
from fau_tf.synthetic.registry import RIGS
from fau_tf.utils.files import file_sha256, hold, replacing

CARD: Final = "card.json"
CARD_PAGE: Final = "card.md"
_PEOPLE_PER_SHARD: Final = 10
_PEOPLE_PER_PROCESS: Final = {"fast": 400, "path": 100}
"""After so many a process makes way for a fresh one: native code may keep some memory. Its start
takes as long as eight people with one path-traced face each."""
_CRASHES: Final = 3
"""In a row, without a shard in between, before the work is given up."""

Say = Callable[[str], None]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Generated:
    """A complete set.

    Attributes:
        place: Its folder.
        people: Names of those with faces in it, sorted.
    """

    place: Path
    people: tuple[str, ...]


def generate(
    settings: SyntheticSet, folder: Path, *, processes: int, say: Say, only: Sequence[str] = ()
) -> Generated:
    """Return the set, after rendering those of its shards that aren't there yet.

    Args:
        settings: What to generate.
        folder: Parent of the set's own folder, which is named after the settings.
        processes: That render; the result doesn't depend on it.
        say: Prints a line.
        only: Names of the people wanted; by default everyone.

    Raises:
        ValueError: If a shard has changed since, or a rig's file is missing or not what it must be.
        OSError: If another process generates the same set.
        BrokenProcessPool: If rendering crashes again and again.
    """
    everyone = [person_name(i) for i in range(settings.people)]
    wanted = set(only or everyone)
    people = [i for i, name in enumerate(everyone) if name in wanted]
    names = tuple(everyone[i] for i in people)
    identity, place = _place(settings, folder, only)
    if not (place / CARD).is_file():
        place.mkdir(parents=True, exist_ok=True)
        with hold(place, "one process at a time generates a set"):
            for name in settings.rigs:
                RIGS[name](settings.ict)  # a file that is no rig is known before work begins
            _Shards(place, settings, people).complete(processes, say)
            _write_card(place, identity)
    else:  # many may read what is complete
        require_whole(place)
        say(f"   {place.name} is there already")
    return Generated(place, names)


def is_there(settings: SyntheticSet, folder: Path) -> bool:
    """Return whether `generate` would find the whole set."""
    return (_place(settings, folder)[1] / CARD).is_file()


def _place(
    settings: SyntheticSet, folder: Path, only: Sequence[str] = ()
) -> tuple[dict[str, Any], Path]:
    """Return what decides the bytes of a set, and its folder, named after that."""
    identity = settings.identity() | {"format": FORMAT_VERSION, "only": list(only)}
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:10]
    return identity, folder / f"{settings.name}-{key}"


def require_whole(place: Path) -> None:
    """Raise ValueError unless every shard is what the card says."""
    try:
        wanted = json.loads((place / CARD).read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"{place}: must hold a readable {CARD}. Received: {error}. Delete the folder; it is "
            "made again."
        ) from error
    found = {file.name: file_sha256(file) for file in shard_files(place)}
    if found != wanted:
        changed = sorted(name for name in wanted if found.get(name) != wanted[name])
        raise ValueError(
            f"{place}: shards must be as {CARD} says. Received: other bytes in "
            f"{', '.join(changed) or 'additional files'}. Delete the folder; it is made again."
        )


class _Shards:
    """The shards of a set: which are left, and how they are rendered."""

    def __init__(self, place: Path, settings: SyntheticSet, people: Sequence[int]) -> None:
        self._settings = settings
        starts = range(0, len(people), _PEOPLE_PER_SHARD)
        self._jobs = [
            (place / f"faces-{i:05d}-of-{len(starts):05d}.tfrecord",
             people[start : start + _PEOPLE_PER_SHARD])
            for i, start in enumerate(starts)
        ]  # fmt: skip

    def complete(self, processes: int, say: Say) -> None:
        """Render what is left; a crashed process is replaced, and its shard begun again."""
        crashes, before = 0, -1
        while left := [job for job in self._jobs if not job[0].is_file()]:
            if len(left) < len(self._jobs) and len(left) != before:
                say(f"   {len(self._jobs) - len(left)} of {len(self._jobs)} shards are there")
            crashes = crashes + 1 if len(left) == before else 0
            before = len(left)
            try:
                self._write(left, processes, say)
            except BrokenProcessPool as error:
                if crashes >= _CRASHES:
                    raise BrokenProcessPool(
                        f"A renderer must survive its faces. Received: {_CRASHES + 1} crashes at "
                        f"{left[0][0].name}. Set data.renderers to leave out `path`, or lower "
                        "data.processes if memory is short."
                    ) from error
                say("   a rendering process crashed; its shard is begun again")

    def _write(self, jobs: Sequence[tuple[Path, Sequence[int]]], processes: int, say: Say) -> None:
        people = [person for _, several in jobs for person in several]
        rows = _counted(self._rendered(people, processes), self._settings, len(people), say)
        for shard, several in jobs:
            with replacing(shard) as unfinished, RecordWriter(unfinished) as writer:
                for _ in several:
                    for row in next(rows):
                        writer.write(row)

    def _rendered(self, people: Sequence[int], processes: int) -> Iterator[Rows]:
        """Yield the faces of each person, in order, whatever `processes` is."""
        work = partial(person_rows, self._settings)
        if processes == 1 and "path" not in self._settings.renderers:
            yield from map(work, people)
            return
        each = min(_PEOPLE_PER_PROCESS[name] for name in self._settings.renderers) * processes
        for start in range(0, len(people), each):
            # A new pool, and not max_tasks_per_child, which can wait for ever in Python 3.11.
            with worker_pool(processes) as pool:
                yield from pool.map(work, people[start : start + each])


def _write_card(place: Path, identity: dict[str, Any]) -> None:
    files = shard_files(place)
    content = identity | dataset_card.describe(files)
    content["sha256"] = {file.name: file_sha256(file) for file in files}
    with replacing(place / CARD_PAGE) as unfinished:
        unfinished.write_text(dataset_card.page(place.name, content), encoding="utf-8")
    with replacing(place / CARD) as unfinished:
        unfinished.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _counted(
    people: Iterator[Rows], settings: SyntheticSet, total: int, say: Say
) -> Iterator[Rows]:
    each = settings.faces_per_person
    start = said = time.monotonic()
    for count, rows in enumerate(people, start=1):
        yield rows
        now = time.monotonic()
        if now - said > 10 or count == total:
            said = now
            rate = count * each / (now - start)
            left = (total - count) * each / rate
            say(f"   {count * each}/{total * each} faces, {rate:.1f} a second, {left:.0f} s left")
