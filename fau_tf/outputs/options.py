"""Options of `fau-demo`, checked; `fau_tf.cli.predict` parses them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fau_tf.face.landmarker import LITERT, require_landmarker
from fau_tf.inference.estimator import PRESENT_FROM
from fau_tf.inference.events import EventRule
from fau_tf.inference.postprocessing import MEDIAN
from fau_tf.inference.smoothing import OneEuro
from fau_tf.io.sources import Source, SourceKind

SHARD: Final = 1000
"""Photos or frames of a shard: some 20 s of work, beside which the frames before it that are read
twice (`distributed.job.LEAD`) weigh 2.5 %."""

# Output -> the kinds of source that it is written of by default.
DEFAULTS: Final[dict[str, frozenset[SourceKind]]] = {
    "csv": frozenset(SourceKind),
    "jsonl": frozenset(),
    "draw": frozenset((SourceKind.PHOTO, SourceKind.PHOTOS)),
    "plot": frozenset(kind for kind in SourceKind if kind.is_sequence),
}

# Option -> smallest and largest value. OpenCV takes 100 and more for the number of a backend and
# crashes on -1; LiteRT crashes with 100,000 threads.
_RANGES: Final = {
    "webcam": (0, 99),
    "faces": (1, 1000),
    "every": (1, math.inf),
    "threads": (1, 64),
    "workers": (0, math.inf),
    "shard": (10, math.inf),
}


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """Options of `fau-demo`; the flags have the same names.

    Attributes:
        sources: Photos, videos, folders, patterns, or `-`.
        webcam: Index of a camera.
        list: File that names more sources, one a line.
        model: Exported .tflite; the packaged one if None.
        out: Folder of the results.
        csv: Whether to write it; None follows `DEFAULTS`, as for the next three.
        jsonl: JSON lines.
        draw: Annotated pictures or videos.
        plot: Intensities over time.
        neutral: Neutral photo, or "median".
        smooth: Settings of the One-Euro filter, `MIN_CUTOFF,BETA`.
        sides: Whether to write both sides of the face.
        pspi: Whether to write `derived.pspi`.
        eye_closure: Window of the share of closed eyes, s.
        events: Whether to write AU events of videos; smooths with the default unless `smooth` says
            how.
        event_rule: When there is one, `HIGH,LOW,SECONDS`.
        faces: At most this many faces of a picture, as `AUEstimator` has it.
        every: Reads each N-th frame of a video.
        fps: Frames a second of stdin, of JPEGs in a row and of the pages of a TIFF.
        present_from: Intensity from which an AU counts as present.
        cluster: Address of a Ray cluster, or "local".
        workers: Processes on it; 0 is one a core.
        shard: Photos or frames of a shard.
        parquet: Whether to write shards as Parquet, too.
        threads: CPU threads of the model.
        landmarker: Finds the faces, one of `face.landmarker.LANDMARKERS`.
        quiet: Print errors only.
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
    smooth: str | None = None
    sides: bool = False
    pspi: bool = False
    eye_closure: float | None = None
    events: bool = False
    event_rule: str = str(EventRule())
    faces: int = 10
    every: int = 1
    fps: float = 25.0
    present_from: float = PRESENT_FROM
    cluster: str | None = None
    workers: int = 0
    shard: int = SHARD
    parquet: bool = False
    threads: int = 1
    landmarker: str = LITERT
    quiet: bool = False

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: If one is out of range or needs another option.
        """
        if not self.sources and self.webcam is None and self.list is None:
            raise ValueError("A SOURCE is needed, or --webcam or --list.")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                rule = f"{low} or more" if high == math.inf else f"{low} to {high}"
                raise ValueError(f"--{name} must be {rule}: got {value}.")
        for name in ("fps", "present_from", "eye_closure"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"--{name.replace('_', '-')} must be above 0: got {value}.")
        self._check_needs()
        for name, form in (("smooth", OneEuro), ("event_rule", EventRule)):
            _require_parsed(name, getattr(self, name), form)
        require_landmarker(self.landmarker)

    def _check_needs(self) -> None:
        needs: list[tuple[str, object, bool, str]] = [
            ("event_rule", str(EventRule()), self.events, "--events"),
            ("workers", 0, self.cluster is not None, "--cluster"),
            ("shard", SHARD, self.cluster is not None, "--cluster"),
            ("parquet", False, self.cluster is not None, "--cluster"),
        ]
        for name, default, met, other in needs:
            if not met and getattr(self, name) != default:
                raise ValueError(f"--{name.replace('_', '-')} needs {other}.")

    @property
    def one_euro(self) -> OneEuro | None:
        """The filter of the intensities."""
        if self.smooth is not None:
            return OneEuro.parse(self.smooth)
        return OneEuro() if self.events else None

    def check_sources(self, sources: Sequence[Source]) -> None:
        """Raise ValueError if an option needs videos and there are photos."""
        photos = [source.name for source in sources if not source.kind.is_sequence]
        for option, asked in (
            (f"--smooth {self.smooth}", self.smooth is not None),
            (f"--neutral {MEDIAN}", self.neutral == MEDIAN),
            ("--events", self.events),
            (f"--eye-closure {self.eye_closure}", self.eye_closure is not None),
        ):
            if asked and photos:
                raise ValueError(
                    f"{option} needs successive frames (a video, --webcam or -): got {photos[0]}. "
                    "Process photos in another call."
                )

    def outputs(self, kind: SourceKind) -> frozenset[str]:
        """Return the outputs that are written of a kind of source."""
        return frozenset(name for name in DEFAULTS if self._wanted(name, kind))

    def _wanted(self, name: str, kind: SourceKind) -> bool:
        if name == "plot" and not kind.is_sequence:
            return False
        asked: bool | None = getattr(self, name)
        return kind in DEFAULTS[name] if asked is None else asked


def _require_parsed(name: str, text: str | None, form: type[OneEuro] | type[EventRule]) -> None:
    """Raise ValueError with the flag's name if a text is not of its form."""
    if text is not None:
        try:
            form.parse(text)
        except ValueError as error:
            raise ValueError(f"--{name.replace('_', '-')}: {error}") from error
