"""Data sets on disk: generated or prepared once, then read by subject."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fau_tf import contract, facs
from fau_tf.data import pipeline
from fau_tf.data.adapters.prepare import CARD, prepare, summary
from fau_tf.data.adapters.registry import DATASETS
from fau_tf.data.augment import NO_AUGMENT, Augment
from fau_tf.data.config import DataSettings
from fau_tf.data.splits import Fold
from fau_tf.data.synthetic_generate import generate, require_intact
from fau_tf.data.synthetic_set import PREFIX, SyntheticSet
from fau_tf.data.tfrecord import explain_damage, shard_files
from fau_tf.portraits.portrait_set import set_credits
from fau_tf.synthetic.sample import GENERATOR_VERSION

_CACHED_BYTES: Final = 2_000_000_000


@dataclass(frozen=True)
class FaceDataset:
    """Face records on disk.

    Attributes:
        name: Of the data set, e.g. "disfa".
        files: The shards.
        subjects: All with a record, sorted.
        record_size: Rows and columns of an image.
        clips: Whether a shard holds one clip, whose frames look alike. Many shards are then read
            in turn, so that a batch has many subjects.
        dropped: Frames dropped for undocumented reasons; 0 where the settings accept them.
        highest: Subject -> (17,) highest intensity of each AU in the order of `facs.ALL`, NaN where
            not coded; empty for synthetic faces, which code all.
    """

    name: str
    files: tuple[Path, ...]
    subjects: tuple[str, ...]
    record_size: int
    clips: bool = False
    dropped: int = 0
    highest: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)

    def subset(self, subjects: Sequence[str]) -> "Subset":
        """Return the faces of some subjects."""
        cached = sum(file.stat().st_size for file in self.files) <= _CACHED_BYTES
        records = pipeline.examples(self.files, subjects, cache=cached, in_turn=self.clips)
        return Subset(self, tuple(subjects), records)


@dataclass(frozen=True)
class Subset:
    """The faces of some subjects of a data set; `records` yields them parsed, JPEG undecoded."""

    faces: FaceDataset
    subjects: tuple[str, ...]
    records: tf.data.Dataset

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
        """Return `pipeline.batches` of these faces."""
        return pipeline.batches(
            self.records,
            targets,
            record_size=self.faces.record_size,
            batch_size=batch_size,
            seed=seed,
            augment=augment,
            start=start,
            share=share,
        )

    def subsample_neutral(self, targets: pipeline.Targets, fraction: float) -> "Subset":
        """Return the subset with only a fraction of the frames on which no AU is coded above 0.

        A hash of a frame's source decides, so the same frames remain every time.
        """
        if fraction >= 1:
            return self
        limit = round(fraction * 10_000)

        def kept(record: dict[str, Any]) -> Any:
            active = tf.reduce_any(targets.columns(record["intensity"][None]) > 0)
            return active | (tf.strings.to_hash_bucket_fast(record["source"], 10_000) < limit)

        return replace(self, records=self.records.filter(kept))

    def sample(self, targets: pipeline.Targets, count: int, *, of_each_au: int) -> "Subset":
        """Return `count` faces, evenly spaced in their order, or all if there are fewer.

        Args:
            targets: Name the AUs.
            count: Number of faces.
            of_each_au: Faces on which an AU is above 0 that are added where there are so many, also
                evenly spaced: a rare AU would otherwise have next to none.
        """
        coded = self.labels(targets)
        if len(coded) <= count:
            return self
        kept = np.zeros(len(coded), bool)
        kept[_spaced(np.arange(len(coded)), count)] = True
        for column in coded.T:
            kept[_spaced(np.flatnonzero(column > 0), of_each_au)] = True
        names = np.array(self.face_subjects())[kept]
        mask = tf.constant(kept)
        chosen = self.records.enumerate().filter(lambda row, _: tf.gather(mask, row))
        records = chosen.map(lambda _, record: record)
        return replace(self, subjects=tuple(sorted(set(names.tolist()))), records=records)

    def sources(self, step: int, *, batch_size: int, seed: int) -> list[str]:
        """Return the sources of the faces in one batch of seeded `batches`, counted from 0."""
        records = pipeline.endless(self.records, seed).skip(step * batch_size).take(batch_size)
        return [record["source"].numpy().decode() for record in records]

    def labels(self, targets: pipeline.Targets) -> npt.NDArray[np.float32]:
        """Return (N, A) coded intensities in the order of unseeded `batches`; NaN: not coded.

        They are the mean of both sides on the scale (`Targets.on_scale`), as the network learns.
        """

        def mean(record: dict[str, Any]) -> Any:
            return targets.on_scale(record["intensity"], record["side_difference"])[0]

        coded = self._column(mean, np.zeros((0, len(facs.ALL)), np.float32))
        return coded[:, [facs.ALL.index(au) for au in targets.aus]]

    def face_subjects(self) -> list[str]:
        """Return the subject of each face, in the order of unseeded `batches`."""
        names = self._column(lambda record: record["subject"], np.zeros(0, object))
        return [name.decode() for name in names]

    def _column(
        self, value: Callable[[dict[str, Any]], Any], empty: npt.NDArray[Any]
    ) -> npt.NDArray[Any]:
        values = self.records.map(value).batch(4096)
        with explain_damage(self.faces.files):
            return np.concatenate([empty, *values.as_numpy_iterator()])


def _spaced(rows: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """Return `count` of the rows, evenly spaced, or all if there are fewer."""
    if len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(int)]


def prepare_synthetic(
    settings: SyntheticSet,
    folder: Path,
    *,
    processes: int,
    log: Callable[[str], None],
    only: Sequence[str] = (),
) -> FaceDataset:
    """Return synthetic faces, rendered by `generate` unless they are in `folder` already."""
    done = generate(settings, folder, processes=processes, log=log, only=only)
    files = tuple(shard_files(done.folder))
    return FaceDataset(settings.name, files, done.people, settings.record_size)


def prepare_real(
    settings: DataSettings, folder: Path, *, log: Callable[[str], None]
) -> FaceDataset:
    """Return the faces of a real data set, prepared unless they are in `folder` already."""
    done = prepare(settings, folder, log=log)
    for line in summary(done):
        log(line)
    require_intact(done.folder)
    return FaceDataset(
        settings.dataset,
        tuple(shard_files(done.folder)),
        done.subjects,
        settings.record_size,
        clips=True,
        dropped=0 if settings.accept_dropped else sum(one.count for one in done.undocumented),
        highest=done.highest,
    )


def stored_real(settings: DataSettings, folder: Path) -> FaceDataset:
    """Return the faces of a real data set that lie in its own folder; its source isn't needed.

    Args:
        settings: Name the data set.
        folder: That `prepare` has completed.

    Raises:
        ValueError: If a shard has changed, or the folder is incomplete.
    """
    require_intact(folder)
    subjects = json.loads((folder / CARD).read_text(encoding="utf-8"))["subjects"]
    files = tuple(shard_files(folder))
    return FaceDataset(settings.dataset, files, tuple(subjects), settings.record_size, clips=True)


def training_data_info(
    name: str, subjects: Sequence[str] = (), portraits: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what the JSON of an exported model states about its training data.

    Args:
        name: Of the data set.
        subjects: Of its training and validation sets. Stored are only the codes of public data
            sets, not the names in your own lists.
        portraits: Folders of sets of portraits.
    """
    credits = [line for folder in portraits for line in set_credits(Path(folder))]
    more = {"portraits": credits} if credits else {}
    synthetic = name.startswith(PREFIX)
    kind = contract.training_kind(synthetic=synthetic, portraits=bool(credits))
    if synthetic:
        return {"name": name, "kind": kind, "generator": GENERATOR_VERSION, **more}
    population = DATASETS[name].population if name in DATASETS else ""
    public = list(subjects) if population else []
    return {"name": name, "kind": kind, "population": population, "subjects": public, **more}


def subsets(faces: FaceDataset, fold: Fold) -> dict[str, Subset]:
    """Return `train` and, where the fold has such subjects, `validation` and `test`."""
    return {name: faces.subset(subjects) for name, subjects in fold.subjects.items() if subjects}
