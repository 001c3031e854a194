"""Fine-tuning with rounding in the graph: arrays for a child process in, a tuned network out."""

import json
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from export.qat.describe import Description, describe
from export.qat.launch import QatError, require_packages, run_child
from export.qat.restore import restored
from export.run import LabeledFaces
from fau_tf.models.heatmap_net import BRANCHES
from fau_tf.models.presets import NetSpec
from fau_tf.training.losses import HeatmapLoss, PairLoss

MAX_TWIN_DIFFERENCE: Final = 1e-4  # of the largest value: float32 sums in another order
_SMALL: Final = {"heatmap": np.float16, "gaussian": np.float16}  # three digits suffice for a target


@dataclass(frozen=True, kw_only=True)
class QatSettings:
    """Settings of the fine-tuning.

    Attributes:
        pictures: Of the training, in batches of the training's size, each read once.
        learning_rate: Adam's, falling linearly to 0.
        clip_norm: Largest norm of a weight's gradient.
        rounding: Whether rounding is part of the graph. Without it the network is trained for as
            long as it was: what that alone gains.
        timeout: Seconds after which the child process is stopped.
    """

    pictures: int = 1536
    learning_rate: float = 1e-5
    clip_norm: float = 5.0
    rounding: bool = True
    timeout: float = 3600.0


@dataclass(frozen=True)
class QatLoss:
    """The loss of a training: of the heatmaps, and of portraits against their partners."""

    heatmaps: HeatmapLoss
    pairs: PairLoss | None = None


@dataclass(frozen=True)
class FineTuned:
    """Result of the fine-tuning.

    Attributes:
        net: With the weights of the step that was best on validation faces, not calibrated.
        peaks: (N, K) its heatmap maxima on the calibration images, rounded as in the exported
            graph, in intensity units, not clipped.
        facts: `twin_difference`; `float_loss` and `float_icc` before any rounding; `history` with
            `step`, `loss` (of the first batch), `training_loss` (mean of the steps since the row
            before) and `icc` on validation faces; `kept_step`, `seconds` and `versions`.
    """

    net: keras.Model
    peaks: npt.NDArray[np.float32]
    facts: dict[str, Any]


def fine_tune(
    net: keras.Model,
    spec: NetSpec,
    training: Iterable[tuple[Any, dict[str, Any]]],
    validation: LabeledFaces,
    calibration: Iterable[tuple[Any, Any]],
    *,
    loss: QatLoss,
    settings: QatSettings,
    seed: int = 0,
) -> FineTuned:
    """Return `net` fine-tuned with rounding in its graph.

    Args:
        net: The network as it was trained: the loss doesn't suit a calibrated one. Unchanged.
        spec: Its specification.
        training: Batches of (image, targets), read up to `settings.pictures` pictures.
        validation: For the ranges, the check of the twin and the choice of the best step.
        calibration: Batches of (image, targets) whose maxima are returned.
        loss: Of the training.
        settings: Of the fine-tuning.
        seed: Of TensorFlow.

    Raises:
        QatPackagesError: If a package is missing.
        NotQuantizableError: If the network has a layer that the twin lacks.
        QatError: If the twin differs from the network, or the child process fails.
    """
    require_packages()
    described = describe(net)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        pixels = _as_bytes(validation.images)
        np.savez(folder / "weights.npz", **dict[str, Any](described.weights))
        np.save(folder / "validation_image.npy", pixels)
        np.save(folder / "validation_intensity.npy", validation.intensity)
        raw = net.predict(pixels.astype(np.float32), batch_size=32, verbose=0)
        np.save(folder / "validation_raw.npy", raw)
        np.save(folder / "calibration_image.npy", _stacked(image for image, _ in calibration))
        batches = _write_training(folder, training, settings.pictures)
        job = {
            "rows": described.rows,
            "branches": _branches(described),
            "codec": asdict(spec.codec),
            "aus": list(spec.au_numbers),
            "rule": spec.rule,
            "loss": _plain(loss.heatmaps),
            "pair_loss": None if loss.pairs is None else _plain(loss.pairs),
            "settings": asdict(settings),
            "batches": batches,
            "seed": seed,
            "max_twin_difference": MAX_TWIN_DIFFERENCE,
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        run_child(folder, settings.timeout)
        facts = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        if not facts["twin_difference"] <= MAX_TWIN_DIFFERENCE:  # NaN too
            raise QatError(
                f"The twin's heatmaps must be within {MAX_TWIN_DIFFERENCE} of the network's, "
                f"relative to the largest. Received: {facts['twin_difference']:.3g}. Compare the "
                "layers in `export.qat.child.twin` with the network's, or omit qat_int8."
            )
        with np.load(folder / "tuned.npz", allow_pickle=False) as file:
            tuned = restored(net, dict(file))
        return FineTuned(tuned, np.load(folder / "peaks.npy", allow_pickle=False), facts)


def _branches(described: Description) -> list[str]:
    """Return the layers in which branches end that are trained apart."""
    found: list[list[str]] = [row["inputs"] for row in described.rows if row["name"] == BRANCHES]
    return found[0] if found else []


def _plain(loss: HeatmapLoss | PairLoss) -> dict[str, Any]:
    """Return a loss's settings; `codec` and `to_au` follow from the rest of the job."""
    settings = {name: value for name, value in vars(loss).items() if name not in ("codec", "to_au")}
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in settings.items()
    }


def _write_training(
    folder: Path, training: Iterable[tuple[Any, dict[str, Any]]], wanted: int
) -> int:
    """Write each batch as `batch<number>.npz`; return how many there are.

    They stay whole, since a portrait's partner is named by its place.
    """
    batches = faces = 0
    for images, targets in training:
        arrays = {name: np.asarray(value) for name, value in targets.items()}
        small = {
            name: value.astype(_SMALL.get(name, value.dtype)) for name, value in arrays.items()
        }
        np.savez(
            folder / f"batch{batches}.npz", allow_pickle=False, image=_as_bytes(images), **small
        )
        batches, faces = batches + 1, faces + len(images)
        if faces >= wanted:
            break
    if not faces:
        raise QatError("Fine-tuning needs training faces. Received: none. Check the training set.")
    return batches


def _stacked(images: Iterable[Any]) -> npt.NDArray[np.uint8]:
    return np.concatenate([_as_bytes(part) for part in images])


def _as_bytes(images: Any) -> npt.NDArray[np.uint8]:
    """Return (N, S, S, 3) rounded to whole gray levels, as a camera gives them."""
    return np.clip(np.rint(np.asarray(images)), 0, 255).astype(np.uint8)
