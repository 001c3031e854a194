"""Quantization-aware fine-tuning: arrays for a child process in, an int8 flatbuffer out."""

import contextlib
import io
import json
import tempfile
import warnings
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
from ai_edge_quantizer import quantizer
from ai_edge_quantizer.qtyping import TFLOperationName

from export.graph.flatbuffer import pack, unpack
from export.qat.describe import describe
from export.qat.launch import QatError, environment_python, run_child
from export.quantize import WEIGHT_ONLY
from export.run import LabeledFaces, TrainedRun, run_part
from export.specs import SELECTION
from fau_tf.models.presets import NetSpec
from fau_tf.training import setup
from fau_tf.training.losses import HeatmapLoss

_MAX_TWIN_DIFFERENCE: Final = 1e-4  # of the largest value: float32 sums in another order
_SMALL: Final = {"heatmap": np.float16, "gaussian": np.float16}  # three digits suffice for a target
_SCC: Final = r".*scc\d.*"
"""Layers of `scc.decoder`, whose two products are fully connected."""


@dataclass(frozen=True, kw_only=True)
class QatSettings:
    """Settings of the fine-tuning.

    Attributes:
        crops: Training faces, each augmented once.
        epochs: Passes over them.
        batch_size: Faces per step.
        learning_rate: Adam's, falling linearly to 0.
        clip_norm: Largest norm of a weight's gradient.
        timeout: Seconds after which the child process is stopped.
    """

    crops: int = 1536
    epochs: int = 1
    batch_size: int = 16
    learning_rate: float = 1e-5
    clip_norm: float = 5.0
    timeout: float = 3600.0


@dataclass(frozen=True)
class QatResult:
    """Result of the fine-tuning.

    Attributes:
        flatbuffer: The .tflite bytes, without metadata.
        facts: `twin_difference`, `icc_float`, `history` (step, loss, ICC on validation subjects),
            `seconds` and `versions`.
    """

    flatbuffer: bytes
    facts: dict[str, Any]


def tuned_run(
    run: TrainedRun,
    validation: LabeledFaces,
    data: Path,
    *,
    selection: str = SELECTION,
    log: Callable[[str], None],
) -> bytes:
    """Return the int8 flatbuffer of a trained run, without metadata.

    Args:
        run: Fine-tuned on its own training subjects.
        validation: Faces of validation subjects, for ranges and the choice of the best step.
        data: Folder of the face records.
        selection: How the exported graph finds neighbors, a key of `knn.SELECTIONS`.
        log: Receives progress lines.

    Raises:
        QatEnvironmentError, NotQuantizableError, QatError: As `qat_variant`.
    """
    config, settings = run.config, QatSettings()
    part = run_part(run, "train", settings.crops, data, log=log)
    targets = setup.make_targets(config)
    return qat_variant(
        run.net,
        config.model,
        part.batches(
            targets, batch_size=settings.batch_size, seed=config.run.seed, augment=config.augment
        ),
        validation.images,
        validation.intensity,
        loss=setup.make_loss(config, part.labels(targets)),
        settings=settings,
        selection=selection,
        seed=config.run.seed,
        log=log,
    ).flatbuffer


def qat_variant(
    net: keras.Model,
    spec: NetSpec,
    training: Iterable[tuple[Any, dict[str, Any]]],
    images: npt.NDArray[np.float32],
    intensity: npt.NDArray[np.float32],
    *,
    loss: HeatmapLoss,
    settings: QatSettings,
    selection: str = SELECTION,
    seed: int = 0,
    log: Callable[[str], None],
) -> QatResult:
    """Return `net` as an int8 flatbuffer, fine-tuned with rounding in its graph.

    Args:
        net: The trained network; unchanged.
        spec: Its specification.
        training: Batches of (image, targets) from `data.pipeline.batches`, read up to
            `settings.crops` faces.
        images: (N, S, S, 3) validation faces, RGB 0 to 255: for the ranges, the check of the twin
            and the choice of the best step.
        intensity: (N, A) their labels, NaN where not coded.
        loss: The loss of the training.
        settings: Of the fine-tuning.
        selection: How the exported graph finds neighbors, a key of `knn.SELECTIONS`.
        seed: Of the order of the faces.
        log: Receives progress lines.

    Raises:
        QatEnvironmentError: If the other environment is missing or lacks a package.
        NotQuantizableError: If the network has a layer that the twin lacks.
        QatError: If the twin differs from the network, or the child process fails.
    """
    python = environment_python()
    rows, weights = describe(net)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        pixels = _as_bytes(images)
        np.savez(folder / "weights.npz", **dict[str, Any](weights))
        np.save(folder / "validation_image.npy", pixels)
        np.save(folder / "validation_intensity.npy", intensity)
        raw = net.predict(pixels.astype(np.float32), batch_size=32, verbose=0)
        np.save(folder / "validation_raw.npy", raw)
        faces = _write_training(folder, training, settings.crops)
        job = {
            "rows": rows,
            "codec": asdict(spec.codec),
            "aus": list(spec.au_numbers),
            "rule": spec.rule,
            "loss": _loss(loss),
            "settings": asdict(settings),
            "selection": selection,
            "seed": seed,
            "max_twin_difference": _MAX_TWIN_DIFFERENCE,
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        log(f"   fine-tuning on {faces} faces, {settings.epochs} epochs, in {python.parts[-3]}")
        run_child(python, folder, settings.timeout)
        facts = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        if not facts["twin_difference"] <= _MAX_TWIN_DIFFERENCE:  # NaN too
            raise QatError(
                f"The twin's heatmaps must be within {_MAX_TWIN_DIFFERENCE} of the network's, "
                f"relative to the largest. Received: {facts['twin_difference']:.3g}. Compare the "
                "layers in `export.qat.child.twin` with the network's, or omit qat_int8."
            )
        return QatResult(packed((folder / "model.tflite").read_bytes()), facts)


def packed(flatbuffer: bytes) -> bytes:
    """Return the model with SCC's weights stored as int8 and decoded to float32 at run time.

    The weights are on the int8 grid already, so only the size changes. TensorFlow's converter has
    no such storage for a layer whose input has no range.
    """
    maker = quantizer.Quantizer(bytearray(flatbuffer))
    maker.update_quantization_recipe(_SCC, TFLOperationName.FULLY_CONNECTED, WEIGHT_ONLY)
    # The progress bar is printed although it is switched off.
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        # The rest is quantized already on purpose.
        warnings.filterwarnings("ignore", message="Input model is already partially quantized")
        made = maker.quantize(None, enable_progress_bar=False, enable_progress_report=False)
    return pack(unpack(bytes(made.quantized_model)))


def _loss(loss: HeatmapLoss) -> dict[str, Any]:
    """Return the loss's settings; `codec` and `to_au` follow from the rest of the job."""
    return {
        "au_weight": loss.au_weight.tolist(),
        "background_weight": loss.background_weight,
        "foreground_weight": loss.foreground_weight,
        "intensity_weight": loss.intensity_weight,
        "level_weight": None if loss.level_weight is None else loss.level_weight.tolist(),
    }


def _write_training(
    folder: Path, training: Iterable[tuple[Any, dict[str, Any]]], wanted: int
) -> int:
    """Write one .npy file for `image` and for each target; return the number of faces."""
    columns: dict[str, list[npt.NDArray[Any]]] = {"image": []}
    faces = 0
    for images, targets in training:
        columns["image"].append(_as_bytes(images))
        for name, value in targets.items():
            array = np.asarray(value)
            columns.setdefault(name, []).append(array.astype(_SMALL.get(name, array.dtype)))
        faces += len(images)
        if faces >= wanted:
            break
    if not faces:
        raise QatError("Fine-tuning needs training faces. Received: none. Check the training set.")
    for name, parts in columns.items():
        np.save(folder / f"{name}.npy", np.concatenate(parts))
    return faces


def _as_bytes(images: Any) -> npt.NDArray[np.uint8]:
    """Return (N, S, S, 3) rounded to whole gray levels, as a camera gives them."""
    return np.clip(np.rint(np.asarray(images)), 0, 255).astype(np.uint8)
