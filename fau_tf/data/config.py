"""Settings of a data set: which faces, from where, and who judges whom."""

from dataclasses import dataclass
from typing import Final

from fau_tf.synthetic.registry import RENDERERS, RIGS

SYNTHETIC: Final = "synthetic"
KINDS: Final = (
    SYNTHETIC, "disfa", "disfa_plus", "bp4d", "fera2015", "fera2017", "json_list", "csv",
)  # fmt: skip
PROTOCOLS: Final = ("random", "odd_even", "three_folds", "own")
LANDMARKS: Final = ("mediapipe", "own")
CAMERAS: Final = ("left", "right")


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Which faces."""

    kind: str = SYNTHETIC
    root: str = ""  # of real data: the folder as distributed, or the JSON or CSV file
    seed: int = 0  # of faces and split; 0 takes the run's
    people: int = 1000  # synthetic
    faces_per_person: int = 5  # synthetic
    rigs: tuple[str, ...] = ("canonical",)  # synthetic: face models, which people have in turn
    train_rigs: tuple[str, ...] = ()  # of `rigs`, those whose people teach and choose; none: all
    ict: str = ""  # synthetic: the converted ICT-FaceKit, for the rig "ict"
    renderers: tuple[str, ...] = ("fast",)  # synthetic: which a person's faces have in turn
    wrinkles: bool = True  # synthetic: AUs leave furrows and bulges
    occluders: bool = True  # synthetic: glasses, strands of hair, hands
    jitter: bool = True  # synthetic: crops miss the exact place as a detector's do
    record_size: int = 160  # at least 1.25 x the preset's image size; 320 for real data
    processes: int = 2  # that render or prepare, 0 for all cores; the result doesn't depend on it
    landmarks: str = "mediapipe"  # "own": those that the data set ships
    camera: str = "left"  # DISFA
    poses: tuple[int, ...] = (6,)  # FERA 2017; 6 is frontal
    every: int = 1  # takes the first of so many labeled frames of each clip
    protocol: str = "random"  # "odd_even" is FERA 2015's, "three_folds" that of most papers
    folds: tuple[tuple[str, ...], ...] = ()  # protocol "own": the test people of each fold
    validation: float = (
        0.15  # share of the other people who choose the checkpoint; not for "random"
    )
    zero_share: float = 1.0  # of the training frames without any AU, so many are used
    accept_dropped: bool = False  # exit 0 though frames were dropped for undocumented reasons

    def __post_init__(self) -> None:
        least = {"seed": 0, "people": 10, "faces_per_person": 1, "processes": 0, "every": 1}
        for name, limit in least.items():
            if getattr(self, name) < limit:
                raise ValueError(
                    f"`data.{name}` must be at least {limit}. Received: {getattr(self, name)}"
                )
        rows = {"kind": KINDS, "protocol": PROTOCOLS, "landmarks": LANDMARKS, "camera": CAMERAS}
        for name, allowed in rows.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"`data.{name}` must be one of {', '.join(allowed)}. "
                    f"Received: {getattr(self, name)!r}"
                )
        if self.record_size < 16 or self.record_size % 2:
            raise ValueError(
                "`data.record_size` must be even and at least 16 px, as the renderer needs. "
                f"Received: {self.record_size}"
            )
        if not 0 < self.validation < 1:
            raise ValueError(
                f"`data.validation` must be within 0 to 1. Received: {self.validation}"
            )
        if not 0 < self.zero_share <= 1:
            raise ValueError(
                f"`data.zero_share` must be above 0, to 1. Received: {self.zero_share}"
            )
        self._check_kind()

    def _check_kind(self) -> None:
        if self.kind != SYNTHETIC and not self.root:
            raise ValueError(
                f"`data.root` must say where {self.kind} lies. Received: ''. "
                "Give --set data.root=FOLDER."
            )
        for name, given, table in (
            ("rigs", self.rigs, RIGS), ("renderers", self.renderers, RENDERERS),
        ):  # fmt: skip
            if not given or set(given) - set(table):
                raise ValueError(
                    f"`data.{name}` must be one or more of {', '.join(table)}. "
                    f"Received: {list(given)}"
                )
        if set(self.train_rigs) - set(self.rigs):
            raise ValueError(
                f"`data.train_rigs` must be among `data.rigs`, {', '.join(self.rigs)}. "
                f"Received: {list(self.train_rigs)}"
            )
        if self.kind == SYNTHETIC and self.protocol not in ("random", "own"):
            raise ValueError(
                "Synthetic people are split by `data.protocol` random or own. "
                f"Received: {self.protocol!r}"
            )
        if (self.protocol == "own") != bool(self.folds):
            raise ValueError(
                '`data.folds` lists the test people of each fold for `data.protocol` = "own", and '
                f"is empty otherwise. Received: {self.protocol!r} with {len(self.folds)} folds"
            )
