"""Settings of a run: defaults, overridden by a TOML file, overridden by `--set`."""

import dataclasses
import json
import math
import re
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

from fau_tf import facs
from fau_tf.data.augment import Augment
from fau_tf.data.config import SYNTHETIC, DataSettings, require_at_least, require_one_of
from fau_tf.data.record import MARGIN, least_record_size
from fau_tf.models.presets import DATA_AUS, PRESETS, NetSpec, did_you_mean, net_spec

SCHEDULES: Final = ("linear", "steps")
STRATEGIES: Final = ("none", "mirrored", "multi_worker")
PRECISIONS: Final = ("float32", "mixed_bfloat16", "mixed_float16")
VARIANTS: Final = ("float32", "float16")
"""Models that training can write: comparable with Keras, and made without a quantizer."""
INDIFFERENT: Final = (
    "data.processes", "data.root", "data.ict", "data.portraits", "data.accept_dropped",
    "training.checkpoint_seconds", "training.weights", "export.variants",
)  # fmt: skip
"""Settings that do not affect the trained weights, so they may change when a run resumes. Sets of
portraits and the file of first weights count by their content, not by their path."""


class ConfigError(ValueError):
    """A setting that is unknown, mistyped or out of range; commands exit with code 2."""


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Section `[run]` of a config."""

    name: str = "synthetic"  # of the folder runs/<name> and the models fau_<name>_*.tflite
    seed: int = 1  # of weights, order, augmentation, and of the data where data.seed is 0

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise ValueError(
                "`run.name` must be letters, digits, `.`, `_` and `-`, beginning with a letter or "
                f"digit, as it names files. Received: {self.name!r}"
            )
        require_at_least("run", self, {"seed": 0})


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Section `[training]` of a config; measured in docs/experiments/training.md."""

    # Optimizer
    epochs: int = 8
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup_steps: int = 60  # of linear warm-up
    schedule: str = "linear"  # how the rate falls: linearly at the end, or in "steps"
    decay_fraction: float = 0.5  # "linear": of the steps, at the end, in which it falls to 0
    decay_epochs: tuple[int, ...] = ()  # "steps": after each of them the rate is multiplied ...
    decay_factor: float = 0.1  # ... by this
    weight_decay: float = 0.0  # of the sum of squares of the convolutions' kernels, in the loss
    clip_norm: float = 5.0  # largest norm of the gradient of a weight; 0 for no limit
    ema: float = 0.0  # momentum of the moving average of the weights that is kept; 0 for none

    # Backbone
    imagenet: bool = True  # start from ImageNet weights, where the backbone has some
    weights: str = ""  # a file to start the backbone from instead: .keras, .h5 or .pth
    freeze_backbone_norms: bool = True  # keep the statistics of batch normalization
    backbone_rate_factor: float = 1.0  # times the learning rate; below 1 keeps more of ImageNet

    # Loss: squared error of the heatmaps, weighted by background_weight + foreground_weight * g,
    # with g the Gaussian of height 1 at the AU center; (1, 0) is the mean squared error
    background_weight: float = 0.1
    foreground_weight: float = 1.0
    intensity_weight: float = 4.0  # of the squared error of the decoded intensity
    difference_weight: float = 1.0  # of the squared error of the difference of two edited portraits
    ranking_weight: float = 0.5  # of a smile that does not exceed the person's neutral portrait
    au_balance: float = 0.0  # an AU weighs (mean squared intensity) ** -au_balance, on average 1
    level_balance: float = 0.0  # a level of an AU weighs (share of frames) ** -level_balance

    calibrate: bool = (
        False  # post-hoc calibration: threshold and gain per AU, on validation subjects
    )

    # Execution
    deterministic: bool = True  # the same bits every time on a CPU, one operator at a time
    threads: int = 2  # that one operator uses
    strategy: str = "none"  # "mirrored": all devices; "multi_worker": the machines of TF_CONFIG
    precision: str = "float32"  # of the computation; weights are stored in float32
    jit_compile: bool = False  # compile the training step with XLA
    checkpoint_seconds: float = 60.0  # between checkpoints; every epoch ends with one

    def __post_init__(self) -> None:
        require_at_least(
            "training",
            self,
            {"epochs": 1, "batch_size": 1, "threads": 1}
            | dict.fromkeys(
                ("warmup_steps", "weight_decay", "clip_norm", "backbone_rate_factor",
                 "background_weight", "foreground_weight", "intensity_weight",
                 "difference_weight", "ranking_weight", "au_balance", "level_balance",
                 "checkpoint_seconds"),
                0,
            ),
        )  # fmt: skip
        require_one_of(
            "training",
            self,
            {"strategy": STRATEGIES, "precision": PRECISIONS, "schedule": SCHEDULES},
        )
        if not self.learning_rate > 0:
            raise ValueError(
                f"`training.learning_rate` must be positive. Received: {self.learning_rate}"
            )
        if self.background_weight + self.foreground_weight + self.intensity_weight == 0:
            raise ValueError(
                "One of `training.background_weight`, `training.foreground_weight` and "
                "`training.intensity_weight` must be positive. Received: all 0"
            )
        self._require_schedule()
        self._require_average()
        self._require_float16()

    def _require_average(self) -> None:
        if not 0 <= self.ema < 1:
            raise ValueError(
                "`training.ema` must be 0 (none) or a momentum below 1, such as 0.997. Received: "
                f"{self.ema}"
            )
        if self.ema and self.precision == "mixed_float16":
            raise ValueError(
                "`training.ema` does not work with `training.precision` = 'mixed_float16'. "
                f"Received: {self.ema}. Use 'mixed_bfloat16'."
            )

    def _require_float16(self) -> None:
        if self.precision == "mixed_float16" and self.strategy != "none":
            raise ValueError(
                "`training.precision` = 'mixed_float16' scales the loss on one device only. "
                f"Received: `training.strategy` = {self.strategy!r}. Use 'mixed_bfloat16'."
            )

    def _require_schedule(self) -> None:
        if not 0 <= self.decay_fraction <= 1:
            raise ValueError(
                f"`training.decay_fraction` must be 0 to 1. Received: {self.decay_fraction}"
            )
        if not 0 < self.decay_factor < 1:
            raise ValueError(
                f"`training.decay_factor` must be between 0 and 1. Received: {self.decay_factor}"
            )
        if bool(self.decay_epochs) != (self.schedule == "steps"):
            raise ValueError(
                "`training.decay_epochs` must name epochs for `training.schedule` = 'steps', else "
                f"be empty. Received: {list(self.decay_epochs)} with {self.schedule!r}"
            )
        ordered = sorted({one for one in self.decay_epochs if 0 < one < self.epochs})
        if ordered != list(self.decay_epochs):
            raise ValueError(
                "`training.decay_epochs` must be rising numbers of epochs before the last of "
                f"`training.epochs`, {self.epochs}. Received: {list(self.decay_epochs)}"
            )


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """Section `[export]` of a config."""

    variants: tuple[str, ...] = VARIANTS  # written after training; (): none

    def __post_init__(self) -> None:
        unknown = [name for name in self.variants if name not in VARIANTS]
        if unknown:
            raise ValueError(
                f"`export.variants` must be some of {list(VARIANTS)}, or [] for none. Received: "
                f"{unknown}. `python -m export --run RUN` makes the others."
            )


@dataclass(frozen=True, kw_only=True)
class Config:
    """All settings of a run, one attribute a section.

    `model.aus` is by default `DATA_AUS`. Synthetic faces code all AUs; those of other data follow
    from their labels, `setup.with_data_aus`.
    """

    run: RunSettings = field(default_factory=RunSettings)
    data: DataSettings = field(default_factory=DataSettings)
    model: NetSpec = field(default_factory=lambda: net_spec("small", {"aus": DATA_AUS}))
    training: TrainingSettings = field(default_factory=TrainingSettings)
    augment: Augment = field(default_factory=Augment)
    export: ExportSettings = field(default_factory=ExportSettings)

    @property
    def data_seed(self) -> int:
        """Seed of the synthetic faces and of the split."""
        return self.data.seed or self.run.seed

    @property
    def portraits_per_batch(self) -> int:
        """How many pictures of a batch are edited portraits: an even number."""
        if not self.data.portraits:
            return 0
        return 2 * round(self.training.batch_size * self.data.portrait_fraction / 2)

    def __post_init__(self) -> None:
        if self.data.dataset == SYNTHETIC and self.model.aus == DATA_AUS:
            object.__setattr__(self, "model", dataclasses.replace(self.model, aus=facs.ALL))
        least = least_record_size(self.model.image_size)
        if self.data.record_size < least:
            raise ValueError(
                f"`data.record_size` must be at least {MARGIN:g} x the `model.image_size` of "
                f"`model.preset` = {self.model.preset!r}, for augmentation to move the crop. "
                f"Received: {self.data.record_size} for {self.model.image_size}. Set "
                f"data.record_size={least}"
            )
        if self.training.calibrate and not self.data.validation_fraction:
            raise ValueError(
                "`training.calibrate` = true needs validation subjects, and with "
                "`data.validation_fraction` = 0 there are none. Give training.calibrate=false, or "
                "a fraction such as 0.15."
            )
        if self.data.portraits:
            self._require_pairs()

    def _require_pairs(self) -> None:
        size, fraction = self.training.batch_size, self.data.portrait_fraction
        if self.training.strategy != "none":
            raise ValueError(
                "`data.portraits` needs both pictures of a pair on one device, so "
                "`training.strategy` must be 'none'. Received: "
                f"{self.training.strategy!r}"
            )
        if size % 2:
            raise ValueError(
                "`training.batch_size` must be even with `data.portraits`, which come in pairs. "
                f"Received: {size}"
            )
        portraits = self.portraits_per_batch
        if portraits < 2 or (portraits == size and fraction < 1):
            raise ValueError(
                "`data.portrait_fraction` of `training.batch_size` must be at least one pair, and "
                f"below 1 leave a face of the data set. Received: {fraction:g} of {size}, which is "
                f"{portraits} portraits and {size - portraits} faces. Give a larger batch, or "
                "data.portrait_fraction=1 for portraits alone."
            )


Origins = Mapping[tuple[str, str], str]
"""(section, key) -> the file and key, or the argument, that gave the value."""


def load_config(path: Path | None = None, changes: Sequence[str] = ()) -> Config:
    """Return the defaults, overridden by a TOML file, overridden by `section.key=value`.

    Raises:
        ConfigError: For an unreadable file, or an unknown, mistyped or out-of-range setting; it
            begins with the file and key, or the `--set` argument, that gave the value.
    """
    values: dict[str, dict[str, Any]] = {}
    origins: dict[tuple[str, str], str] = {}
    for section, given in (_read(path) if path else {}).items():
        values[section] = dict(given)
        origins |= {(section, key): f"{path}, {section}.{key}" for key in given}
    for change in changes:
        section, key, value = _parse_change(change)
        values.setdefault(section, {})[key] = value
        origins[section, key] = f"--set {change}"
    try:
        return Config(**{name: _section(name, given, origins) for name, given in values.items()})
    except ConfigError:
        raise
    except ValueError as error:
        raise _located(error, origins) from error


def dump_toml(config: Config) -> str:
    """Return every resolved setting as TOML that `load_config` reads back."""
    lines = []
    for section in fields(config):
        lines.append(f"[{section.name}]")
        for name, value in dataclasses.asdict(getattr(config, section.name)).items():
            lines.append(f"{name} = {_toml(value)}")
        lines.append("")
    return "\n".join(lines)


def _section(name: str, values: Mapping[str, Any], origins: Origins) -> Any:
    """Return one section's settings, checked."""
    own = {at: origin for at, origin in origins.items() if at[0] == name}
    sections = get_type_hints(Config)
    try:
        if name not in sections:
            raise ValueError(f"Unknown section `{name}`.{did_you_mean(name, list(sections))}")
        hints = get_type_hints(sections[name])
        checked = {}
        for key, value in values.items():
            if key not in hints:
                near = did_you_mean(key, list(hints))
                raise ValueError(f"Unknown setting `{name}.{key}`.{near}")
            checked[key] = _typed(f"{name}.{key}", hints[key], value)
        if name == "model":
            preset = checked.pop("preset", PRESETS["small"].preset)
            return net_spec(preset, {"aus": DATA_AUS} | checked)
        return sections[name](**checked)
    except ValueError as error:
        raise _located(error, own) from error


def _located(error: ValueError, origins: Origins) -> ConfigError:
    """Return the error with the origins of the settings that it names, or else of all."""
    text = str(error)
    named = [origin for (name, key), origin in origins.items() if f"`{name}.{key}`" in text]
    if not named:  # a message without the section, as from `NetSpec`
        named = [
            origin
            for (_, key), origin in origins.items()
            if re.search(rf"\b{re.escape(key)}\b", text, re.IGNORECASE)
        ]
    places = dict.fromkeys(named or origins.values())
    return ConfigError(f"{', and '.join(places) or 'defaults'}: {error}")


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: must be a readable TOML file. Received: {error}") from error
    for name, section in raw.items():
        if not isinstance(section, dict):
            raise ConfigError(
                f"{path}: settings must be in sections. Received: `{name}` outside one"
            )
    return raw


def _parse_change(change: str) -> tuple[str, str, Any]:
    path, equals, text = change.partition("=")
    section, dot, key = path.strip().partition(".")
    if not (equals and dot and section and key):
        raise ConfigError(f"--set must be section.key=value. Received: {change!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # a bare word is a string
    return section, key, value


def _typed(name: str, want: Any, value: Any) -> Any:
    if isinstance(want, types.UnionType):  # a name, or a list
        if not isinstance(value, str | list):
            raise ValueError(f"`{name}` must be a name or a list. Received: {value!r}")
        name_type, list_type = get_args(want)
        want = list_type if isinstance(value, list) else name_type
    if get_origin(want) is tuple and isinstance(value, list):
        inner = get_args(want)[0]
        return tuple(_typed(name, inner, item) for item in value)
    if want is float and type(value) is int:
        return float(value)
    plain = want if isinstance(want, type) and not isinstance(want, types.GenericAlias) else tuple
    if type(value) is not plain:
        kind = plain.__name__ if plain is not tuple else "a list"
        raise ValueError(f"`{name}` must be {kind}. Received: {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"`{name}` must be finite. Received: {value!r}")
    return value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # TOML's basic strings escape as JSON's do, but have no surrogate pairs and no raw DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return repr(value)
