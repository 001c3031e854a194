"""Golden vectors: what stands at every cut point between a picture and the intensities.

The definition is this code: `face.align` in NumPy, and each model on LiteRT's CPU with XNNPACK. A
reader in another language computes each array from the one before and compares; the first that is
off names the faulty step.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from export.bundle.golden.faces import GOLDEN_FACES, GoldenFace, picture
from export.bundle.golden.picture import draw_overview
from export.bundle.golden.steady import require_steady
from export.bundle.golden.tolerances import CUT_POINTS, GPU, outputs
from export.bundle.models import AssetModel
from fau_tf import contract
from fau_tf.face.align import Image, Points, crop, crop_matrix
from fau_tf.inference.interpreter import AUInterpreter

Arrays = dict[str, npt.NDArray[Any]]

FORMAT: Final = 1
FOLDER: Final = "golden"
INDEX: Final = "index.json"
OVERVIEW: Final = "overview.png"
_DTYPES: Final = {"float64": "<f8", "float32": "<f4", "uint8": "u1"}
"""As the index names them -> little-endian."""


def write_golden(models: Sequence[AssetModel], folder: Path, *, say: Callable[[str], None]) -> None:
    """Write the index, pictures, arrays and the overview.

    Args:
        models: From `read_models`.
        folder: Where they go; made if it isn't there.
        say: Prints a line.

    Raises:
        ModelError: If a model can't be run.
        AssetError: If a face is one on which a model's answer hangs on rounding.
    """
    say("== golden vectors")
    folder.mkdir(parents=True, exist_ok=True)
    runs = {model.variant: AUInterpreter(model.path) for model in models}
    size = models[0].entries["image_size"]
    cases, shown = [], []
    for face in GOLDEN_FACES:
        pixels, points = picture(face, size)
        arrays = computed(pixels, points, runs)
        cases.append(_case(face, pixels, arrays, folder))
        shown.append((face.name, pixels, arrays))
    images = {name: arrays["input"] for name, _, arrays in shown}
    for model in models:
        require_steady(model.path, outputs(model.entries["weights"]), images)
    index = {
        "format": FORMAT,
        "byte_order": "little",
        "contract_version": contract.CONTRACT_VERSION,
        "cut_points": {name: row.as_dict() for name, row in CUT_POINTS.items()},
        "variants": {model.variant: _variant(model) for model in models},
        "cases": cases,
    }
    (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    draw_overview(folder / OVERVIEW, shown, models[0].entries["au_labels"])
    whole = sum(path.stat().st_size for path in folder.iterdir())
    say(f"   {len(cases)} faces, {whole / 1e6:.1f} MB")


def computed(pixels: Image, points: Points, runs: Mapping[str, AUInterpreter]) -> Arrays:
    """Return the array of each cut point, each computed from those before it.

    Args:
        pixels: (H, W, 3) uint8 picture.
        points: (68, 2) float64 landmarks in it.
        runs: Variant -> its model.
    """
    size = next(iter(runs.values())).info.image_size
    matrix = crop_matrix(points, size)
    cropped = crop(pixels, matrix, size)
    arrays: Arrays = {
        "landmarks": np.asarray(points, np.float64),
        "matrix": matrix,
        "crop": cropped,
        "input": cropped[None].astype(np.float32),
    }
    for variant, run in runs.items():
        intensity, heatmaps = run(cropped)
        arrays[f"heatmaps.{variant}"] = heatmaps[None]
        arrays[f"intensity.{variant}"] = intensity[None]
    return arrays


def read_array(path: Path, dtype: str, shape: Sequence[int]) -> npt.NDArray[Any]:
    """Return the array in a file of the index.

    Raises:
        ValueError: If the file has another size than the index says.
        OSError: If it can't be read.
    """
    values = np.frombuffer(path.read_bytes(), _DTYPES[dtype])
    return values.reshape(tuple(shape))


def _case(face: GoldenFace, pixels: Image, arrays: Arrays, folder: Path) -> dict[str, Any]:
    """Write a face's files; return its entry of the index."""
    name = f"{face.name}.png"
    PillowImage.fromarray(pixels).save(folder / name, "PNG", optimize=True)
    entry: dict[str, Any] = {
        "name": face.name,
        "what": face.what,
        "picture": name,
        "width": face.width,
        "height": face.height,
        "arrays": {},
    }
    for cut, values in arrays.items():
        file = f"{face.name}.{cut}.bin"
        dtype = values.dtype.name
        (folder / file).write_bytes(np.ascontiguousarray(values, _DTYPES[dtype]).tobytes())
        entry["arrays"][cut] = {"file": file, "dtype": dtype, "shape": list(values.shape)}
    return entry


def _variant(model: AssetModel) -> dict[str, Any]:
    cpu = {name: row.as_dict() for name, row in outputs(model.entries["weights"]).items()}
    gpu = {name: row.as_dict() for name, row in GPU.items()}
    return {
        "file": model.path.name,
        "accelerators": model.accelerators,
        "cut_points": cpu,
        **({"gpu_cut_points": gpu} if "gpu" in model.accelerators else {}),
    }
