"""Quantization-aware training, seen from our environment: files out, a child process, bytes back.

tensorflow-model-optimization can't be installed beside mediapipe and turns `tf.keras` into Keras 2
for the whole process, so it has an environment of its own, made by `make qat-env`.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from export.qat.arrays import as_bytes, raw_heatmaps, write_training
from export.qat.describe import describe
from export.qat.pack import packed
from export.specs import CPU_SELECTION
from fau_tf.models.presets import NetSpec
from fau_tf.training.losses import HeatmapLoss

ROOT: Final = Path(__file__).resolve().parents[2]
PYTHON_VARIABLE: Final = "FAU_QAT_PYTHON"
"""Names the environment's Python where it isn't .venv-qat/bin/python."""

_MAX_TWIN_DIFFERENCE: Final = 1e-4  # of the largest value: float32 sums in another order
_LAST_LINES: Final = 12


class QatEnvironmentError(RuntimeError):
    """The environment of quantization-aware training isn't there."""


class QatError(ValueError):
    """Fine-tuning or its twin failed; no bytes came back."""


@dataclass(frozen=True, kw_only=True)
class QatSettings:
    """How to fine-tune.

    Attributes:
        method: Row of `child.lighter.METHODS`: round, cluster or prune.
        amount: Of cluster, how many different weights a convolution may have; of prune, which
            share of them is zero.
        crops: Training faces, augmented once each.
        epochs: Passes over them.
        batch_size: Faces a step.
        learning_rate: Adam's, falling linearly to 0.
        clip_norm: Largest norm of a weight's gradient.
        timeout: Seconds after which the child is stopped.
    """

    method: str = "round"
    amount: float = 0.0
    crops: int = 1536
    epochs: int = 1
    batch_size: int = 16
    learning_rate: float = 1e-5
    clip_norm: float = 5.0
    timeout: float = 3600.0


@dataclass(frozen=True)
class QatResult:
    """What came back.

    Attributes:
        flatbuffer: The .tflite bytes, without metadata.
        facts: `twin_difference`, `icc_float`, `history` (step, loss, ICC on validation people),
            `seconds` and `versions`.
    """

    flatbuffer: bytes
    facts: dict[str, Any]


def environment_python() -> Path:
    """Return the Python of the other environment.

    Raises:
        QatEnvironmentError: If there is none.
    """
    python = Path(os.environ.get(PYTHON_VARIABLE) or ROOT / ".venv-qat" / "bin" / "python")
    if not python.is_file():
        raise QatEnvironmentError(
            "Quantization-aware training needs an environment of its own. Received: no "
            f"{python.name} at {python}. Run `make qat-env`, or leave qat_int8 out."
        )
    return python


def qat_variant(
    net: keras.Model,
    spec: NetSpec,
    training: Iterable[tuple[Any, dict[str, Any]]],
    images: npt.NDArray[np.float32],
    intensity: npt.NDArray[np.float32],
    *,
    loss: HeatmapLoss,
    settings: QatSettings | None = None,
    selection: str = CPU_SELECTION,
    seed: int = 0,
    say: Callable[[str], None],
) -> QatResult:
    """Return `net`, fine-tuned with its rounding in place, as an int8 flatbuffer.

    Args:
        net: The trained network; stays as it is.
        spec: What it was built from.
        training: Batches of (image, targets) from `data.pipeline.batches`; read until
            `settings.crops` faces are there or it ends.
        images: (N, S, S, 3) validation faces, RGB 0 to 255: ranges, the twin's check and the
            choice of the best step come from them.
        intensity: (N, A) their labels, NaN where not coded.
        loss: The training's own.
        settings: How to fine-tune.
        selection: How the file's graph finds neighbors; row of `neighbors.SELECTIONS`.
        seed: Of the order of the faces.
        say: Prints a line.

    Raises:
        QatEnvironmentError: If the other environment isn't there or lacks a package.
        NotQuantizableError: If the network has a layer that the twin lacks.
        QatError: If the twin isn't the network, or the child fails.
    """
    settings = settings or QatSettings()
    python = environment_python()
    rows, weights = describe(net)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        np.savez(folder / "weights.npz", **dict[str, Any](weights))
        np.save(folder / "validation_image.npy", as_bytes(images))
        np.save(folder / "validation_intensity.npy", intensity)
        # Of the very pixels that the child will see.
        np.save(folder / "validation_raw.npy", raw_heatmaps(net, as_bytes(images)))
        faces = write_training(folder, training, settings.crops)
        if not faces:
            raise QatError(
                "Fine-tuning needs training faces. Received: none. Give batches of "
                "`data.pipeline.batches`."
            )
        job = _job(rows, spec, loss, settings, seed) | {"selection": selection}
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        say(f"   fine-tuning on {faces} faces, {settings.epochs} times, in {python.parts[-3]}")
        _run(python, folder, settings.timeout, say)
        facts = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        if not facts["twin_difference"] <= _MAX_TWIN_DIFFERENCE:  # NaN too
            raise QatError(
                f"The twin's heatmaps must be within {_MAX_TWIN_DIFFERENCE} of the network's, over "
                f"the largest. Received: {facts['twin_difference']:.3g}. Compare the layers of "
                "`export.qat.child.twin` with the network's, or leave qat_int8 out."
            )
        return QatResult(packed((folder / "model.tflite").read_bytes()), facts)


def _job(
    rows: list[dict[str, Any]], spec: NetSpec, loss: HeatmapLoss, settings: QatSettings, seed: int
) -> dict[str, Any]:
    return {
        "rows": rows,
        "codec": asdict(spec.codec),
        "aus": list(spec.au_numbers),
        "rule": spec.rule,
        "loss": {
            "au_weight": loss.au_weight.tolist(),
            "floor": loss.floor,
            "foreground": loss.foreground,
            "decoded": loss.decoded,
        },
        "settings": asdict(settings),
        "seed": seed,
        "max_twin_difference": _MAX_TWIN_DIFFERENCE,
    }


def _run(python: Path, folder: Path, timeout: float, say: Callable[[str], None]) -> None:
    """Run the child, passing on its lines; raise QatError or QatEnvironmentError if it fails."""
    environment = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_USE_LEGACY_KERAS": "1",  # the toolkit sets it too, but only once it is loaded
    }
    log = folder / "log.txt"
    command = [str(python), "-m", "export.qat.child", str(folder)]
    with (
        log.open("w", encoding="utf-8") as messages,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=messages, text=True, cwd=ROOT, env=environment
        ) as child,
    ):
        watch = threading.Timer(timeout, child.kill)
        watch.start()
        try:
            for line in child.stdout or ():
                say(f"   {line.rstrip()}")
            code = child.wait()
            in_time = watch.is_alive()
        finally:  # also at Ctrl-C, when the clock would keep us and the child would go on
            watch.cancel()
            child.kill()
            watch.join()  # a cancelled clock ends at once
            child.wait()
    if code:
        _fail(log.read_text(encoding="utf-8", errors="replace"), code, timeout, in_time)


def _fail(log: str, code: int, timeout: float, in_time: bool) -> None:
    lines = log.strip().splitlines()
    if not in_time:
        raise QatError(
            f"Fine-tuning must end within {timeout:.0f} s. Received: no end. Give fewer crops or "
            "epochs, or a longer timeout."
        )
    if lines and lines[-1].startswith(("ModuleNotFoundError", "ImportError")):
        raise QatEnvironmentError(
            "The environment of quantization-aware training must have its packages. Received: "
            f"{lines[-1]}. Run `make qat-env`."
        )
    sys.stderr.write("\n".join(lines[-_LAST_LINES:]) + "\n")
    raise QatError(
        f"Fine-tuning must end without an error. Received: exit code {code}, "
        f"{lines[-1] if lines else 'no message'}. See the lines above."
    )
