"""The JSON file beside an exported model, read and checked."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy.typing as npt

from fau_tf import contract, facs
from fau_tf.conformal import Intervals
from fau_tf.utils.text import readable

DEFAULT_MODEL: Final = "fau_small_mesh_float16.tflite"


class ModelError(ValueError):
    """An exported model, or the JSON file beside it, can't be used."""


@dataclass(frozen=True)
class FailedCriterion:
    """A criterion of `contract.LOW_RELIABILITY` that an AU fails.

    Attributes:
        criterion: Its key.
        value: What was measured.
        limit: The smallest value that passes.
    """

    criterion: str
    value: float
    limit: float

    def __str__(self) -> str:
        """Return it as a sentence without its period."""
        text = contract.LOW_RELIABILITY[self.criterion].text
        # A value is stored rounded, so one that failed may equal its limit.
        rounded = " (rounded)" if round(self.value, 2) >= round(self.limit, 2) else ""
        return f"{text} is {self.value:.2f}{rounded}, below {self.limit:.2f}"


@dataclass(frozen=True, repr=False)
class ModelInfo:
    """What a reader has to know of an exported model.

    Attributes:
        name: The model's name.
        image_size: Side S of the crop, px.
        heatmap_size: Side h = w of a heatmap.
        aus: The A action units, in the order of `intensity`.
        rule: The AU center rule set, a key of `facs.RULES`.
        centers: Names of the K AU centers, in the order of the heatmap channels.
        sha256: Of the .tflite file.
        intervals: Conformal prediction intervals; None if the model has none.
        low_reliability: AU label -> the criteria that it fails. Intensities of these AUs should not
            be relied on.
        contract_version: One of `contract.READABLE_VERSIONS`.
    """

    name: str
    image_size: int
    heatmap_size: int
    aus: tuple[int, ...]
    rule: str
    centers: tuple[str, ...]
    sha256: str
    intervals: Intervals | None = None
    low_reliability: Mapping[str, tuple[FailedCriterion, ...]] = field(default_factory=dict)
    contract_version: int = contract.CONTRACT_VERSION

    @property
    def labels(self) -> tuple[str, ...]:
        """The A labels, e.g. `AU06`."""
        return tuple(facs.AUS[au].label for au in self.aus)

    @property
    def provenance(self) -> dict[str, str | int]:
        """The model's name, its SHA-256 and its contract version: part of every output."""
        return {
            "model": readable(self.name),
            "model_sha256": self.sha256,
            "contract_version": self.contract_version,
        }

    @property
    def caption(self) -> str:
        """The line under a picture."""
        contract_name = f"contract {self.contract_version}"
        return f"{readable(self.name)}, SHA-256 {self.sha256[:16]}, {contract_name}"

    def interval(self, intensity: npt.ArrayLike) -> dict[str, tuple[float, float]] | None:
        """Return AU label -> low and high end around (A,) intensities; None without intervals."""
        if self.intervals is None:
            return None
        low, high = self.intervals.around(intensity)
        return dict(zip(self.labels, zip(low.tolist(), high.tolist(), strict=True), strict=True))

    def __repr__(self) -> str:
        """Return name, size and AUs in short."""
        doubtful = " ".join(sorted(self.low_reliability)) or "none"
        size = f"{self.image_size} px, {len(self.aus)} AUs"
        return f"<ModelInfo {self.name}: {size}, low reliability: {doubtful}>"


def load_model_info(model: str | PathLike[str] | None = None) -> ModelInfo:
    """Return what the JSON file of a model says, after checking both files.

    Args:
        model: An exported .tflite with its JSON file beside it; the packaged one by default.

    Raises:
        ModelError: If the model can't be used.
    """
    return read_model(default_model() if model is None else Path(model))[1]


def default_model() -> Path:
    """Return the path of the packaged model: in the installed package, or in the checkout.

    Raises:
        ModelError: If neither has it.
    """
    package = Path(__file__).parents[1]
    places = (package / "assets", package.parent / "android_demo_assets")
    for folder in places:
        if (folder / DEFAULT_MODEL).exists():
            return folder / DEFAULT_MODEL
    raise ModelError(
        f"{DEFAULT_MODEL}: the packaged model is neither in {places[0]} nor in {places[1]}. "
        "Reinstall fau_tf, or name a model: --model FILE, AUEstimator(FILE)."
    )


def read_model(path: Path) -> tuple[bytes, ModelInfo]:
    """Return the flatbuffer at `path` and the checked content of the JSON file beside it.

    Raises:
        ModelError: If either is missing or unreadable, if the JSON breaks the contract or is of
            another contract version, or if the flatbuffer is not the one that it describes.
    """
    flatbuffer = _read(path, "the model", "Export one: python train_keras.py")
    beside = path.with_suffix(".json")
    text = _read(beside, "the JSON file beside a model", "Copy it along with the .tflite")
    info = _checked(beside, text)
    found = hashlib.sha256(flatbuffer).hexdigest()
    if found != info.sha256:
        raise ModelError(
            f"{path}: the model must have the SHA-256 of {beside.name}, {info.sha256}. Received: "
            f"{found} ({len(flatbuffer)} bytes). It is corrupt or another file: copy both again."
        )
    return flatbuffer, info


def _read(path: Path, what: str, advice: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: {what} must be readable. Received: {error.strerror}. {advice}."
        ) from error


def _checked(path: Path, text: bytes) -> ModelInfo:
    try:
        entries: Any = json.loads(text)
    except ValueError as error:
        raise _broken(path, "JSON", f"{error}") from error
    if not isinstance(entries, dict):
        raise _broken(path, "a JSON object", type(entries).__name__)
    version = entries.get("contract_version")
    if not contract.readable_version(version):
        raise ModelError(
            f"{path}: contract_version must be {contract.readable_versions()}. Received: "
            f"{version!r}. Export the model again with this version of fau_tf."
        )
    lacking = [key for key in contract.REQUIRED_METADATA if key not in entries]
    if lacking:
        raise _broken(path, f"complete, with {', '.join(lacking)}", f"only {sorted(entries)}")
    _check_types(path, entries)
    return ModelInfo(
        name=entries["name"],
        image_size=entries["image_size"],
        heatmap_size=entries["heatmap_size"],
        aus=tuple(entries["aus"]),
        rule=entries["rule"],
        centers=_centers(path, entries),
        sha256=entries["sha256"],
        intervals=_intervals(path, entries),
        low_reliability=_low_reliability(path, entries),
        contract_version=entries["contract_version"],
    )


def _check_types(path: Path, entries: dict[str, Any]) -> None:
    for key in ("name", "rule", "sha256"):
        if type(entries[key]) is not str:
            raise _broken(path, f"JSON with text in `{key}`", repr(entries[key]))
    for key in ("image_size", "heatmap_size"):
        if not _is_positive(entries[key]):
            raise _broken(path, f"JSON with a positive whole number in `{key}`", repr(entries[key]))
    aus = entries["aus"]
    if type(aus) is not list or not all(map(_is_positive, aus)):
        raise _broken(path, "JSON with a list of AU numbers in `aus`", repr(aus))


def _intervals(path: Path, entries: dict[str, Any]) -> Intervals | None:
    if "intervals" not in entries:
        return None
    try:
        return Intervals.of_json(
            entries["intervals"], [facs.AUS[au].label for au in entries["aus"]]
        )
    except ValueError as error:
        raise _broken(path, "JSON with an interval for each AU", str(error)) from error


def _low_reliability(path: Path, entries: dict[str, Any]) -> dict[str, tuple[FailedCriterion, ...]]:
    rows = entries.get("low_reliability", {})
    try:
        found = {label: tuple(FailedCriterion(**one) for one in rows[label]) for label in rows}
        known = found.keys() <= {facs.AUS[au].label for au in entries["aus"]}
        # Formatting fails for an unknown criterion or what is no number.
        complete = known and all(list(map(str, failed)) for failed in found.values())
    except (TypeError, ValueError, KeyError):
        complete = False
    if not complete:
        rule = "JSON with failed criteria by AU label in `low_reliability`"
        raise _broken(path, rule, repr(rows)[:200])
    return found


def _is_positive(value: object) -> bool:
    # True is an int that equals 1.
    return type(value) is int and value > 0


def _centers(path: Path, entries: dict[str, Any]) -> tuple[str, ...]:
    try:
        names = [center.name for center in facs.centers(entries["aus"], entries["rule"])]
    except ValueError as error:
        raise _broken(path, "of AUs and a rule set that facs.py has", str(error)) from error
    if entries["centers"] != names:
        raise _broken(path, f"of the centers {names}", repr(entries["centers"]))
    return tuple(names)


def _broken(path: Path, rule: str, received: str) -> ModelError:
    return ModelError(f"{path}: must be {rule}. Received: {received}. Export the model again.")
