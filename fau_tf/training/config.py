"""Settings of a run: sections of a TOML file, overridden by `--set section.key=value`."""

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

from fau_tf.data.augment import Augment
from fau_tf.data.config import DataSettings
from fau_tf.models.presets import PRESETS, NetSpec, did_you_mean, net_spec

STRATEGIES: Final = ("none", "mirrored", "multi_worker")
PRECISIONS: Final = ("float32", "mixed_bfloat16", "mixed_float16")
INDIFFERENT: Final = (
    "data.processes", "data.root", "data.ict", "data.accept_dropped", "training.checkpoint_seconds",
)  # fmt: skip
"""Settings that may change between two sessions of one training: the result is the same."""


class ConfigError(ValueError):
    """A setting that is unknown, mistyped or doesn't fit; commands exit with code 2."""


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Where the results go, and the seed of weights, order, augmentation and synthetic faces."""

    name: str = "synthetic"  # the run's folder is runs/<name>, its models are fau_<name>_*.tflite
    seed: int = 1

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise ValueError(
                "`run.name` names a folder and files: letters, digits, `.`, `_` and `-`, the first "
                f"a letter or digit. Received: {self.name!r}"
            )
        _at_least("run", self, {"seed": 0})


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Loss and optimization; docs/guide/training.md gives the figures behind the defaults."""

    epochs: int = 8
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup_steps: int = 60
    decay_share: float = 0.5  # last part of the run, in which the rate falls linearly to 0
    clip_norm: float = 5.0
    imagenet: bool = True  # start the backbone from ImageNet weights
    freeze_backbone_norms: bool = True
    backbone_rate: float = 1.0  # of the learning rate, there; below 1 it keeps more of ImageNet
    floor: float = 0.1  # weight of a heatmap's error far from its AU center; 1 is plain MSE ...
    foreground: float = 1.0  # ... with 0 here: weight added at the center, whatever the intensity
    decoded: float = 4.0  # weight of the squared error of the decoded intensity
    balance: float = 0.0  # AUs weigh (mean squared intensity) ** -balance, on average 1
    level_balance: float = 0.0  # an AU's levels weigh (share of the frames) ** -level_balance
    calibrate: bool = False  # an AU's answers get a threshold and a gain from validation people
    threads: int = 2
    strategy: str = "none"  # "mirrored": all devices; "multi_worker": the machines of TF_CONFIG
    precision: str = "float32"  # of the arithmetic; weights are float32 in any case
    jit: bool = False  # compile the step with XLA
    checkpoint_seconds: float = 60.0  # between checkpoints; one is written after each epoch anyway

    def __post_init__(self) -> None:
        _at_least("training", self, {"epochs": 1, "batch_size": 1, "threads": 1, "warmup_steps": 0})
        _at_least("training", self, {"floor": 0, "foreground": 0, "decoded": 0})
        _at_least("training", self, {"checkpoint_seconds": 0, "level_balance": 0})
        _at_least("training", self, {"backbone_rate": 0})
        for name, rows in (("strategy", STRATEGIES), ("precision", PRECISIONS)):
            if getattr(self, name) not in rows:
                raise ValueError(
                    f"`training.{name}` must be one of {', '.join(rows)}. "
                    f"Received: {getattr(self, name)!r}"
                )
        if self.precision == "mixed_float16" and self.strategy != "none":
            raise ValueError(
                "`training.precision` = 'mixed_float16' scales the loss on one device only. "
                f"Received: strategy {self.strategy!r}. Use 'mixed_bfloat16'."
            )
        for name in ("learning_rate", "clip_norm"):
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"`training.{name}` must be positive. Received: {getattr(self, name)}"
                )
        if not 0 <= self.decay_share <= 1:
            raise ValueError(f"`training.decay_share` must be 0 to 1. Received: {self.decay_share}")
        if self.floor + self.foreground + self.decoded == 0:
            raise ValueError(
                "One of `training.floor`, `foreground` and `decoded` must be positive, or nothing "
                "is learned. Received: all 0"
            )


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that `train_keras.py` can be told."""

    run: RunSettings = field(default_factory=RunSettings)
    data: DataSettings = field(default_factory=DataSettings)
    model: NetSpec = PRESETS["small"]
    training: TrainingSettings = field(default_factory=TrainingSettings)
    augment: Augment = field(default_factory=Augment)

    @property
    def data_seed(self) -> int:
        """Seed of the faces and of who is in which split."""
        return self.data.seed or self.run.seed

    def __post_init__(self) -> None:
        if self.data.record_size < self.model.image_size * 1.25:
            raise ValueError(
                "`data.record_size` must be at least 1.25 x `model.image_size`, the margin that "
                f"augmentation moves in. Received: {self.data.record_size} for "
                f"{self.model.image_size}"
            )


def load_config(path: Path | None = None, changes: Sequence[str] = ()) -> Config:
    """Return the defaults, overridden by a TOML file, overridden by `section.key=value`.

    Raises:
        ConfigError: For a file that can't be read, an unknown or mistyped setting, a bad value.
    """
    try:
        raw = _read(path) if path else {}
        for change in changes:
            section, key, value = _parse_change(change)
            raw.setdefault(section, {})[key] = value
        return _config(raw)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"{path or 'settings'}: {error}") from error


def dump_toml(config: Config) -> str:
    """Return every resolved setting as TOML that `load_config` reads back."""
    lines = []
    for section in fields(config):
        lines.append(f"[{section.name}]")
        for name, value in dataclasses.asdict(getattr(config, section.name)).items():
            lines.append(f"{name} = {_toml(value)}")
        lines.append("")
    return "\n".join(lines)


def _at_least(section: str, settings: Any, least: Mapping[str, int]) -> None:
    for name, limit in least.items():
        if getattr(settings, name) < limit:
            raise ValueError(
                f"`{section}.{name}` must be at least {limit}. Received: {getattr(settings, name)}"
            )


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: must be a readable TOML file. Received: {error}") from error
    for name, section in raw.items():
        if not isinstance(section, dict):
            raise ConfigError(f"{path}: settings stand in sections. Received: `{name}` outside one")
    return raw


def _parse_change(change: str) -> tuple[str, str, Any]:
    path, equals, text = change.partition("=")
    section, dot, key = path.strip().partition(".")
    if not (equals and dot and section and key):
        raise ConfigError(f"--set takes section.key=value. Received: {change!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # a bare word is a string
    return section, key, value


def _config(raw: Mapping[str, Mapping[str, Any]]) -> Config:
    sections = get_type_hints(Config)
    made: dict[str, Any] = {}
    for name, values in raw.items():
        if name not in sections:
            raise ConfigError(f"Unknown section `{name}`.{did_you_mean(name, list(sections))}")
        checked = _checked(name, sections[name], values)
        if name == "model":
            made[name] = net_spec(checked.pop("preset", Config().model.preset), checked)
        else:
            made[name] = sections[name](**checked)
    return Config(**made)


def _checked(section: str, kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    checked = {}
    for name, value in values.items():
        if name not in hints:
            near = did_you_mean(name, list(hints))
            raise ConfigError(f"Unknown setting `{section}.{name}`.{near}")
        checked[name] = _typed(f"{section}.{name}", hints[name], value)
    return checked


def _typed(name: str, want: Any, value: Any) -> Any:
    if get_origin(want) is tuple and isinstance(value, list):
        inner = get_args(want)[0]
        return tuple(_typed(name, inner, item) for item in value)
    if want is float and type(value) is int:
        return float(value)
    plain = want if isinstance(want, type) and not isinstance(want, types.GenericAlias) else tuple
    if type(value) is not plain:
        kind = plain.__name__ if plain is not tuple else "a list"
        raise ConfigError(f"`{name}` must be {kind}. Received: {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"`{name}` must be finite. Received: {value!r}")
    return value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value)  # TOML's basic strings escape as JSON's do
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return repr(value)
