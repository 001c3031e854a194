"""A data set by name: made or found once, then the same shards every time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fau_tf.data import pipeline
from fau_tf.data.adapters.prepare import prepare, summary
from fau_tf.data.adapters.registry import KINDS
from fau_tf.data.augment import NO_AUGMENT, Augment
from fau_tf.data.config import DataSettings
from fau_tf.data.splits import Fold, folds
from fau_tf.data.synthetic_generate import generate, require_intact
from fau_tf.data.synthetic_set import PREFIX, SyntheticSet
from fau_tf.data.tfrecord import shard_files
from fau_tf.synthetic.sample import GENERATOR_VERSION

_CACHED_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Faces:
    """A data set on disk.

    Attributes:
        name: Of the set.
        files: Its shards.
        people: Who has a record, sorted.
        record_size: Rows and columns of an image.
        clips: Whether a shard is a clip, whose frames resemble each other: many are then read in
            turn, for a batch to hold many people.
        dropped: Frames that are missing for reasons that nobody documented; 0 where accepted.
    """

    name: str
    files: tuple[Path, ...]
    people: tuple[str, ...]
    record_size: int
    clips: bool = False
    dropped: int = 0

    def part(self, people: Sequence[str]) -> "Part":
        """Return the faces of some of its people."""
        cached = sum(file.stat().st_size for file in self.files) <= _CACHED_BYTES
        rows = pipeline.examples(self.files, people, cache=cached, in_turn=self.clips)
        return Part(self, tuple(people), rows)


@dataclass(frozen=True)
class Part:
    """The faces of some of its people."""

    faces: Faces
    people: tuple[str, ...]
    rows: tf.data.Dataset

    def batches(
        self,
        targets: pipeline.Targets,
        *,
        batch_size: int,
        seed: int | None = None,
        augment: Augment = NO_AUGMENT,
        start: int = 0,
        share: tuple[int, int] = (0, 1),
    ) -> tf.data.Dataset:
        """Return `pipeline.batches` of this part."""
        return pipeline.batches(
            self.rows,
            targets,
            record_size=self.faces.record_size,
            batch_size=batch_size,
            seed=seed,
            augment=augment,
            start=start,
            share=share,
        )

    def thinned(self, targets: pipeline.Targets, share: float) -> "Part":
        """Return the part with only a share of the frames on which none of the AUs is coded > 0.

        Which ones depends on a frame's source alone, so they are the same every time.
        """
        if share >= 1:
            return self
        limit = round(share * 10_000)

        def kept(row: dict[str, Any]) -> Any:
            active = tf.reduce_any(targets.columns(row["intensity"][None]) > 0)
            return active | (tf.strings.to_hash_bucket_fast(row["source"], 10_000) < limit)

        return replace(self, rows=self.rows.filter(kept))

    def sources(self, step: int, *, batch_size: int, seed: int) -> list[str]:
        """Return where the faces of the step-th seeded batch are from."""
        rows = pipeline.endless(self.rows, seed).skip(step * batch_size).take(batch_size)
        return [row["source"].numpy().decode() for row in rows]

    def labels(self, targets: pipeline.Targets) -> npt.NDArray[np.float32]:
        """Return (N, A) coded intensities, in the order of unseeded `batches`."""
        return pipeline.labels(self.rows, targets)

    def subjects(self) -> list[str]:
        """Return who is on each face, in the order of unseeded `batches`."""
        names = self.rows.map(lambda row: row["subject"]).batch(4096)
        return [name.decode() for batch in names.as_numpy_iterator() for name in batch]


def prepare_synthetic(
    settings: SyntheticSet,
    folder: Path,
    *,
    processes: int,
    say: Callable[[str], None],
    only: Sequence[str] = (),
) -> Faces:
    """Return the set of synthetic faces that `generate` makes of the same arguments, or finds."""
    done = generate(settings, folder, processes=processes, log=say, only=only)
    return Faces(settings.name, tuple(shard_files(done.folder)), done.people, settings.record_size)


def prepare_real(settings: DataSettings, folder: Path, *, say: Callable[[str], None]) -> Faces:
    """Return the faces of a real data set, prepared now unless they are there already."""
    done = prepare(settings, folder, say=say)
    for line in summary(done):
        say(line)
    require_intact(done.place)
    dropped = sum(max(1, len(one.numbers)) for one in done.undocumented)
    return Faces(
        settings.dataset,
        tuple(shard_files(done.place)),
        done.people,
        settings.record_size,
        clips=True,
        dropped=0 if settings.accept_dropped else dropped,
    )


def card(name: str, seen: Sequence[str] = ()) -> dict[str, Any]:
    """Return what an exported model says of the faces of the data set that it learned from.

    Args:
        name: Of the set.
        seen: People whose faces the network learned from or was chosen by. The codes of public data
            sets are told; the names in one's own lists stay where they are.
    """
    if name.startswith(PREFIX):
        return {"name": name, "kind": "synthetic faces", "generator": GENERATOR_VERSION}
    population = KINDS[name].population if name in KINDS else ""
    people = list(seen) if population else []
    return {"name": name, "kind": "real faces", "population": population, "people": people}


def split(faces: Faces, seed: int) -> dict[str, Part]:
    """Return the parts `train`, `validation` and `test`, no person in two of them."""
    return parts(faces, folds("random", faces.people, seed=seed)[0])


def parts(faces: Faces, fold: Fold) -> dict[str, Part]:
    """Return the parts of a fold."""
    return {name: faces.part(people) for name, people in fold.people.items()}
