"""A prediction job and its shards: slices of the sorted photos, or ranges of frames of a video."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from fau_tf.inference.cuts import Appearance
from fau_tf.inference.postprocessing import Postprocessing
from fau_tf.inference.tracking import TrackState
from fau_tf.io.seek_points import SeekIndex, SeekPoint
from fau_tf.io.sources import Source, SourceKind

LEAD: Final = 25
"""Frames to read before a range, so that the face search arrives at the state of a run from the
first frame. On videos of one swinging or resting face it took 1 to 4; where it takes more, the
range is read again, see `stages`."""

WORK: Final = "work"
"""Folder in a job's folder for what is only needed until the job is complete."""


@dataclass(frozen=True)
class Job:
    """What all shards have in common; a file that every worker reads.

    Attributes:
        folder: Of the job.
        working_dir: That relative paths start from.
        version: Of this package.
        model: Path of the .tflite file.
        model_sha256: Its hash.
        info_sha256: Hash of the JSON file beside it.
        faces: Maximum number of faces per image.
        threads: CPU threads of the model.
        landmarker: Finds the faces, one of `face.landmarker.LANDMARKERS`.
        every: Reads every n-th frame.
        fps: Frames per second of several pictures in one file without times.
        shard: Photos, or frames that are read, in a shard.
        processing: Smoothing and neutral baseline.
        present_from: Intensity from which an AU counts as present.
        outputs: Among `csv`, `jsonl`, `parquet`.
    """

    folder: str
    working_dir: str
    version: str
    model: str
    model_sha256: str
    info_sha256: str
    faces: int
    threads: int
    landmarker: str
    every: int
    fps: float
    shard: int
    processing: Postprocessing
    present_from: float
    outputs: tuple[str, ...]

    @property
    def work(self) -> Path:
        """Folder of unfinished work."""
        return Path(self.folder) / WORK

    @property
    def range_frames(self) -> int:
        """Number of frames in a range, whether read or not."""
        return self.shard * self.every

    @property
    def lead_frames(self) -> int:
        """Number of frames before a range at which reading begins."""
        return LEAD * self.every

    @classmethod
    def load(cls, folder: Path) -> "Job":
        """Return the job of a folder."""
        entries = json.loads((folder / WORK / "job.json").read_text(encoding="utf-8"))
        restored = {
            "processing": Postprocessing.of_entries(entries["processing"]),
            "outputs": tuple(entries["outputs"]),
        }
        return cls(**entries | restored)


@dataclass(frozen=True)
class Shard:
    """The unit of work, of a retry and of resuming.

    Attributes:
        source: Name of its source, as the user named it.
        kind: Value of that source's `SourceKind`.
        name: Of the source's results, without an ending.
        index: Counts the shards of the source from 0.
        count: Number of shards of the source.
        first: Number of its first photo or frame.
        last: Number of its last frame; 0 for the end of the video.
        paths: Its photos, or the video.
        seek_point: Where reading the video begins; None for its start.
        state: Face search state before the first frame; None to derive it from the lead frames.
        key: Name of its files in `WORK`; another one for other files or settings.
    """

    source: str
    kind: str
    name: str
    index: int
    count: int
    first: int
    last: int
    paths: tuple[str, ...]
    seek_point: SeekPoint | None = None
    state: TrackState | None = None
    key: str = ""

    @property
    def label(self) -> str:
        """Name of its result files, without an ending."""
        return f"{self.name}-{self.index:05d}-of-{self.count:05d}"

    @property
    def is_video(self) -> bool:
        """Whether it is a range of frames that depend on the frames before."""
        return SourceKind(self.kind).is_sequence

    def with_key(self, job_key: str) -> "Shard":
        """Return the shard with its key in a job."""
        content = replace(self, key="").to_json() + job_key
        return replace(self, key=hashlib.sha256(content.encode()).hexdigest()[:20])

    def to_json(self) -> str:
        """Return the shard as JSON."""
        entries = asdict(replace(self, state=None)) | {"state": state_entries(self.state)}
        return json.dumps(entries)

    @classmethod
    def from_json(cls, text: str) -> "Shard":
        """Return the shard that `to_json` encoded."""
        entries = json.loads(text)
        point = entries["seek_point"]
        restored = {
            "paths": tuple(entries["paths"]),
            "seek_point": point and SeekPoint(**point),
            "state": state_from(entries["state"]),
        }
        return cls(**entries | restored)


def photo_shards(source: Source, name: str, size: int) -> list[Shard]:
    """Return the shards of photos, in order."""
    kind, starts = source.kind.value, range(0, len(source.paths), size)
    return [
        Shard(source.name, kind, name, i, len(starts), start + 1, 0,
              tuple(map(str, source.paths[start : start + size])))
        for i, start in enumerate(starts)
    ]  # fmt: skip


def whole_video(source: Source, name: str) -> Shard:
    """Return a video as one shard."""
    return Shard(source.name, source.kind.value, name, 0, 1, 1, 0, (str(source.paths[0]),))


def video_shards(whole: Shard, index: SeekIndex | None, job: Job) -> list[Shard]:
    """Return the shards of a video, in order; one if its timestamps do not identify its frames.

    Args:
        whole: The video as one shard.
        index: Its entry points for `job.range_frames` and `job.lead_frames`; None if it is short.
        job: Decides the length of a shard.
    """
    if index is None or not index.ordered or not index.frames:
        return [whole]
    points = {point.number: point for point in index.points}
    starts = range(0, index.frames, job.range_frames)
    return [
        replace(
            whole,
            index=i,
            count=len(starts),
            first=start + 1,
            last=min(start + job.range_frames, index.frames),
            seek_point=points.get(start - job.lead_frames),
        )
        for i, start in enumerate(starts)
    ]


def state_entries(state: TrackState | None) -> dict[str, Any] | None:
    """Return a face search state as JSON values; floats survive the round trip exactly."""
    if state is None:
        return None
    known = None if state.known is None else [mesh.tolist() for mesh in state.known]
    seen = [[one.face.tolist(), one.window, one.surroundings.tolist()] for one in state.seen]
    return {"frames": state.frames, "known": known, "seen": seen}


def state_from(entries: dict[str, Any] | None) -> TrackState | None:
    """Return the face search state that `state_entries` encoded."""
    if entries is None:
        return None
    known = entries["known"]
    meshes = None if known is None else tuple(np.array(mesh, np.float64) for mesh in known)
    seen = tuple(
        Appearance(np.array(face, np.uint8), tuple(window), np.array(around, np.uint8))
        for face, window, around in entries["seen"]
    )
    return TrackState(entries["frames"], meshes, seen)


def seek_index_from(entries: dict[str, Any]) -> SeekIndex:
    """Return the seek index that a worker wrote as JSON values."""
    return SeekIndex(**entries | {"points": tuple(SeekPoint(**one) for one in entries["points"])})
