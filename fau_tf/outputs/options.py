"""What `fau-demo` was asked for, as plain values; `fau_tf.cli.options` parses them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fau_tf.io.sources import SourceKind
from fau_tf.outputs.csv_jsonl import PRESENT_FROM

SHARD: Final = 1000
"""Photos or frames of a shard: some 20 s of work, beside which the frames before it that are read
twice (`distributed.parts.WARM_UP`) weigh 2.5 %."""

# Output -> the kinds that it is written of without being asked for.
DEFAULTS: Final[dict[str, frozenset[SourceKind]]] = {
    "csv": frozenset(SourceKind),
    "jsonl": frozenset(),
    "draw": frozenset((SourceKind.PHOTO, SourceKind.PHOTOS)),
    "plot": frozenset(kind for kind in SourceKind if kind.is_sequence),
}


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """Options of `fau-demo`.

    Attributes:
        sources: Photos, videos, folders, patterns, or `-`.
        webcam: Index of a camera.
        list: File that names more sources, one a line.
        model: Exported .tflite; None takes the package's.
        out: Folder of the results.
        csv: Whether it is written; None follows `DEFAULTS`, as for the next three.
        jsonl: JSON lines.
        draw: Annotated pictures or videos.
        plot: Intensities over time.
        neutral: Neutral photo, or "median".
        smooth: Time constant of the moving average, s.
        faces: At most so many a picture, the largest.
        every: Each N-th frame of a video is read.
        fps: Frames a second of stdin.
        present_from: Intensity from which an AU counts as present.
        cluster: Address of a Ray cluster, or "local".
        workers: Processes on it; 0 is one a core.
        shard: Photos or frames of a shard.
        parquet: Whether shards are written as Parquet, too.
        threads: CPU threads of the model.
        quiet: Whether only errors are printed.
    """

    sources: tuple[str, ...] = ()
    webcam: int | None = None
    list: Path | None = None
    model: Path | None = None
    out: Path = Path("fau_out")
    csv: bool | None = None
    jsonl: bool | None = None
    draw: bool | None = None
    plot: bool | None = None
    neutral: str | None = None
    smooth: float | None = None
    faces: int = 10
    every: int = 1
    fps: float = 25.0
    present_from: float = PRESENT_FROM
    cluster: str | None = None
    workers: int = 0
    shard: int = SHARD
    parquet: bool = False
    threads: int = 1
    quiet: bool = False

    def outputs(self, kind: SourceKind) -> frozenset[str]:
        """Return the outputs that are written for a kind of source."""
        return frozenset(name for name in DEFAULTS if self._wanted(name, kind))

    def _wanted(self, name: str, kind: SourceKind) -> bool:
        asked: bool | None = getattr(self, name)
        if name == "plot" and not kind.is_sequence:
            return False
        return kind in DEFAULTS[name] if asked is None else asked
