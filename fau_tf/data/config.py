"""Settings of a data set: which faces, where they lie, and how subjects are split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fau_tf.synthetic.registry import RENDERERS, RIGS

SYNTHETIC: Final = "synthetic"
DATASET_NAMES: Final = (
    SYNTHETIC, "disfa", "disfa_plus", "bp4d", "fera2015", "fera2017", "json_list", "csv",
)  # fmt: skip
PROTOCOLS: Final = ("random", "odd_even", "three_folds", "custom", "all")
LANDMARKS: Final = ("litert", "mediapipe", "dataset")
CAMERAS: Final = ("left", "right")
POSES: Final = tuple(range(1, 10))  # of FERA 2017


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Section `[data]` of a config."""

    dataset: str = SYNTHETIC  # one of DATASET_NAMES
    root: str = ""  # real data: the folder as distributed, or the JSON or CSV file
    seed: int = 0  # of synthetic faces and of the split; 0: the run's seed
    record_size: int = 160  # px of a stored face, at least 1.25 x model.image_size
    processes: int = 2  # that render or prepare, 0: all cores; the records do not depend on it

    # Synthetic faces
    subjects: int = 1000
    faces_per_subject: int = 5
    rigs: tuple[str, ...] = ("canonical",)  # face models, assigned to subjects in turn
    train_rigs: tuple[str, ...] = ()  # rigs of training and validation subjects; (): all of `rigs`
    ict: str = ""  # file of the converted ICT-FaceKit, for the rig "ict"
    renderers: tuple[str, ...] = ("fast",)  # assigned to a subject's faces in turn
    wrinkles: bool = True  # AUs cause furrows and bulges
    occluders: bool = True  # glasses, strands of hair, hands
    jitter: bool = True  # misalign crops as a landmark detector does

    # Real data
    landmarks: str = "litert"  # a face landmarker, or "dataset": those that DISFA and BP4D ship
    camera: str = "left"  # DISFA
    poses: tuple[int, ...] = (6,)  # FERA 2017, 1 to 9; 6 is frontal
    frame_stride: int = 1  # use every n-th labeled frame of a clip
    neutral_fraction: float = 1.0  # of the training frames without any active AU that are used
    accept_dropped: bool = (
        False  # exit with 0 although frames were dropped for undocumented reasons
    )

    # Edited portraits, beside the faces above
    portraits: tuple[str, ...] = ()  # sets of `python -m fau_tf.cli.data portraits`
    portrait_fraction: float = 0.5  # of the pictures of a batch; 1: portraits alone

    # Splits by subject
    protocol: str = "random"  # "odd_even" as in FERA 2015, "three_folds" as in most papers, "all":
    # nobody is tested, for the network to deploy
    folds: tuple[tuple[str, ...], ...] = ()  # protocol "custom": the test subjects of each fold
    validation_fraction: float = 0.15  # of the subjects outside the test set; not for "random";
    # 0: all of them train, and the network of the last epoch is kept

    def __post_init__(self) -> None:
        require_at_least(
            "data",
            self,
            {"seed": 0, "subjects": 10, "faces_per_subject": 1, "processes": 0, "frame_stride": 1},
        )
        require_one_of(
            "data",
            self,
            {
                "dataset": DATASET_NAMES,
                "protocol": PROTOCOLS,
                "landmarks": LANDMARKS,
                "camera": CAMERAS,
            },
        )
        if self.record_size < 16 or self.record_size % 2:
            raise ValueError(
                "`data.record_size` must be even and at least 16 px, as the renderer needs. "
                f"Received: {self.record_size}"
            )
        if not 0 <= self.validation_fraction < 1:
            raise ValueError(
                "`data.validation_fraction` must be 0 or more and below 1. "
                f"Received: {self.validation_fraction}"
            )
        if self.protocol == "random" and not self.validation_fraction:
            raise ValueError(
                "`data.validation_fraction` = 0 is not for `data.protocol` = 'random', which takes "
                "80 / 10 / 10 % of the subjects. Use 'custom' with `data.folds`."
            )
        if not 0 < self.neutral_fraction <= 1:
            raise ValueError(
                "`data.neutral_fraction` must be above 0 and at most 1. "
                f"Received: {self.neutral_fraction}"
            )
        if not 0 < self.portrait_fraction <= 1:
            raise ValueError(
                "`data.portrait_fraction` must be above 0 and at most 1. "
                f"Received: {self.portrait_fraction}"
            )
        if not self.poses or not set(self.poses) <= set(POSES):
            raise ValueError(
                f"`data.poses` must be one or more of {', '.join(map(str, POSES))}. "
                f"Received: {list(self.poses)}"
            )
        self._require_consistent()

    def _require_consistent(self) -> None:
        if self.dataset != SYNTHETIC and not self.root:
            raise ValueError(
                f"`data.root` must be the folder or file of {self.dataset}. Received: ''. "
                "Give --set data.root=FOLDER."
            )
        for name, table in (("rigs", RIGS), ("renderers", RENDERERS)):
            given = getattr(self, name)
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
        if self.dataset == SYNTHETIC and self.protocol not in ("random", "custom", "all"):
            raise ValueError(
                "`data.protocol` must be random, custom or all for synthetic subjects. "
                f"Received: {self.protocol!r}"
            )
        if (self.protocol == "custom") != bool(self.folds):
            raise ValueError(
                "`data.folds` must list the test subjects of each fold for `data.protocol` = "
                f"'custom', else be empty. Received: {self.protocol!r} with {len(self.folds)} folds"
            )


def require_at_least(section: str, settings: Any, least: Mapping[str, float]) -> None:
    """Raise ValueError for a setting below its minimum."""
    for name, limit in least.items():
        if getattr(settings, name) < limit:
            raise ValueError(
                f"`{section}.{name}` must be at least {limit}. Received: {getattr(settings, name)}"
            )


def require_one_of(section: str, settings: Any, allowed: Mapping[str, Sequence[str]]) -> None:
    """Raise ValueError for a setting that is none of its allowed values."""
    for name, values in allowed.items():
        if getattr(settings, name) not in values:
            raise ValueError(
                f"`{section}.{name}` must be one of {', '.join(values)}. "
                f"Received: {getattr(settings, name)!r}"
            )
