"""What is to be done, cut into shards: photos of a source, or a range of frames of a video."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from fau_tf.inference.face_search import Trail
from fau_tf.inference.processing import Processing
from fau_tf.io.seek_points import SeekIndex, SeekPoint
from fau_tf.io.sources import Source, SourceKind

WARM_UP: Final = 25
"""Frames that are read before a range begins, so that its faces are known as in a run from the
first frame. In a made video of one swinging face that took 2 to 5; where it takes more, the range
is read again, see `bulk`."""

WORK: Final = "work"
"""Folder inside that of the job: what is only needed until the job is complete."""


@dataclass(frozen=True)
class Job:
    """What holds for all shards; a file that every worker reads.

    Attributes:
        place: Folder of the job.
        folder: That names of files are relative to.
        version: Of this package.
        model: The .tflite file.
        model_sha256: What it must be.
        info_sha256: What the JSON file beside it must be.
        faces: At most so many a picture.
        threads: Of the model.
        every: Reads the first of so many frames.
        shard: Photos, or frames that are read, of a shard.
        smooth: As in `Processing`.
        neutral: As in `Processing`.
        rest: As in `Processing`.
        present_from: Intensity from which an AU counts as present.
        outputs: Among `csv`, `jsonl`, `parquet`.
    """

    place: str
    folder: str
    version: str
    model: str
    model_sha256: str
    info_sha256: str
    faces: int
    threads: int
    every: int
    shard: int
    smooth: float | None
    neutral: str
    rest: dict[str, float] | None
    present_from: float
    outputs: tuple[str, ...]

    @property
    def processing(self) -> Processing:
        """What is done to the values."""
        return Processing(self.smooth, self.neutral, self.rest)

    @property
    def work(self) -> Path:
        """Where unfinished work lies."""
        return Path(self.place) / WORK

    @classmethod
    def load(cls, place: Path) -> "Job":
        """Return the job of a folder."""
        content = json.loads((place / WORK / "job.json").read_text(encoding="utf-8"))
        return cls(**content | {"outputs": tuple(content["outputs"])})


@dataclass(frozen=True)
class Part:
    """A shard: the unit of work, of a retry and of going on after a stop.

    Attributes:
        source: Name of its source, as the user named it.
        kind: Of that source, a value of `Kind`.
        name: Of the source's results, without an ending.
        index: Counts the shards of the source from 0.
        of: How many those are.
        first: Number of its first photo or frame.
        last: Of its last frame; 0 for all there are.
        paths: Its photos, or the video.
        after: Where a video is entered; None for its start.
        known: What the frames before leave behind, where that is known; else it is found out.
        key: Names its files in `WORK`: another one for other files or settings.
    """

    source: str
    kind: str
    name: str
    index: int
    of: int
    first: int
    last: int
    paths: tuple[str, ...]
    after: SeekPoint | None = None
    known: Trail | None = None
    key: str = ""

    @property
    def shard(self) -> str:
        """Name of its rows' files, without an ending."""
        return f"{self.name}-{self.index:05d}-of-{self.of:05d}"

    def text(self) -> str:
        """Return it as JSON."""
        entries = asdict(replace(self, known=None)) | {"known": trail_entries(self.known)}
        return json.dumps(entries)

    @classmethod
    def parsed(cls, text: str) -> "Part":
        """Return the shard that `text` made JSON of."""
        entries = json.loads(text)
        after = entries["after"]
        return cls(
            **entries
            | {
                "paths": tuple(entries["paths"]),
                "after": after and SeekPoint(**after),
                "known": trail_of(entries["known"]),
            }
        )


def named(job_key: str, part: Part) -> Part:
    """Return a shard with its key."""
    content = replace(part, key="").text() + job_key
    return replace(part, key=hashlib.sha256(content.encode()).hexdigest()[:20])


def whole_video(source: Source, name: str) -> Part:
    """Return a video as one shard."""
    return Part(source.name, source.kind.value, name, 0, 1, 1, 0, (str(source.paths[0]),))


def photo_parts(source: Source, name: str, shard: int) -> list[Part]:
    """Return the shards of photos, in order."""
    starts = range(0, len(source.paths), shard)
    return [
        Part(
            source.name, source.kind.value, name, i, len(starts), start + 1, 0,
            tuple(map(str, source.paths[start : start + shard])),
        )
        for i, start in enumerate(starts)
    ]  # fmt: skip


def video_parts(source: Source, name: str, places: SeekIndex | None, job: Job) -> list[Part]:
    """Return the shards of a video, in order: one where its frames can't be told by their times.

    Args:
        source: The video.
        name: Of its results.
        places: Where it can be entered, from `range_of` and `ahead`; None for a short one.
        job: Says how long a shard is.
    """
    whole = whole_video(source, name)
    if places is None or not places.ordered or not places.frames:
        return [whole]
    each = range_of(job)
    known = {point.number: point for point in places.points}
    starts = range(0, places.frames, each)
    return [
        replace(
            whole,
            index=i,
            of=len(starts),
            first=start + 1,
            last=min(start + each, places.frames),
            after=known.get(start - ahead(job)),
        )
        for i, start in enumerate(starts)
    ]


def range_of(job: Job) -> int:
    """Return how many frames of a video a range spans, read or not."""
    return job.shard * job.every


def ahead(job: Job) -> int:
    """Return how many frames before a range a video is entered."""
    return WARM_UP * job.every


def photos(part: Part) -> bool:
    """Return whether each picture of a shard is read by itself."""
    return not SourceKind(part.kind).is_sequence


def trail_entries(trail: Trail | None) -> dict[str, Any] | None:
    """Return a trail as JSON has it; floats come back as they were."""
    if trail is None:
        return None
    known = trail.known
    return {
        "frames": trail.frames,
        "known": None if known is None else [mesh.tolist() for mesh in known],
    }


def trail_of(entries: dict[str, Any] | None) -> Trail | None:
    """Return the trail that `trail_entries` wrote."""
    if entries is None:
        return None
    known: Sequence[Any] | None = entries["known"]
    meshes = None if known is None else tuple(np.array(mesh, np.float64) for mesh in known)
    return Trail(entries["frames"], meshes)


def places_of(entries: dict[str, Any]) -> SeekIndex:
    """Return the places that a worker wrote."""
    return SeekIndex(
        **entries | {"points": tuple(SeekPoint(**point) for point in entries["points"])}
    )
