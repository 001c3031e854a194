"""Golden vectors: the array at every cut point between a picture and the intensities.

This code defines them: `face.align` in NumPy, and each model on LiteRT's CPU with XNNPACK. An
implementation in another language computes each array from the one before and compares; the first
difference above the tolerance shows which step is wrong.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter
from PIL import Image as PillowImage

from export.bundle.golden.faces import GOLDEN_FACES, GoldenFace, picture
from export.bundle.golden.overview import draw_overview
from export.bundle.golden.tolerances import CUT_POINTS, Tolerance, outputs
from export.bundle.models import AssetError, AssetModel
from fau_tf import contract
from fau_tf.face.align import Image, Points, crop, crop_matrix
from fau_tf.inference.interpreter import AUInterpreter

Arrays = dict[str, npt.NDArray[Any]]
"""Cut point -> array; outputs of a model are `heatmaps.VARIANT` and `intensity.VARIANT`."""

FOLDER: Final = "golden"
INDEX: Final = "index.json"
OVERVIEW: Final = "overview.png"
_FORMAT: Final = 1
_DTYPES: Final = {"float64": "<f8", "float32": "<f4", "uint8": "u1"}
"""dtype in the index -> little-endian dtype of the file."""

_NOISE: Final = 1e-4
"""Gray levels, standard deviation: float32's last digit at 255 is 1.5e-5, and errors add up."""
_DRAWS: Final = 4
_SHARE: Final = 0.5
"""Share of the tolerance that noise may use up."""


def write_golden(models: Sequence[AssetModel], folder: Path, *, log: Callable[[str], None]) -> None:
    """Write the index, pictures, arrays and the overview.

    Args:
        models: From `read_models`.
        folder: Where they go; created if missing.
        log: Receives progress lines.

    Raises:
        ModelError: If a model can't be run.
        AssetError: If rounding alone could move an output on one of the faces beyond tolerance.
    """
    folder.mkdir(parents=True, exist_ok=True)
    runs = {model.variant: AUInterpreter(model.path) for model in models}
    entries, shown = {}, []
    for face in GOLDEN_FACES:
        pixels, points = picture(face, models[0].entries["image_size"])
        arrays = computed(pixels, points, runs)
        entries[face.name] = _write_face(face, pixels, arrays, folder)
        shown.append((face.name, pixels, arrays))
    inputs = {name: arrays["input"] for name, _, arrays in shown}
    for model in models:
        require_stable(model.path, outputs(model.entries["weights"]), inputs)
    _write_index(golden_index(models, entries), folder)
    draw_overview(folder / OVERVIEW, shown, models[0].entries["au_labels"])
    size = sum(path.stat().st_size for path in folder.iterdir())
    log(f"   wrote {len(entries)} faces, {size / 1e6:.1f} MB")


def golden_index(models: Sequence[AssetModel], arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of the index.

    Args:
        models: From `read_models`.
        arrays: Face name -> cut point -> `file`, `dtype` and `shape`.
    """
    return {
        "format": _FORMAT,
        "byte_order": "little",
        "contract_version": models[0].entries["contract_version"],
        "cut_points": CUT_POINTS,
        "variants": {model.variant: _variant(model) for model in models},
        "cases": [
            {
                "name": face.name,
                "what": face.what,
                "picture": f"{face.name}.png",
                "width": face.width,
                "height": face.height,
                "arrays": arrays[face.name],
            }
            for face in GOLDEN_FACES
        ],
    }


def keep_golden(models: Sequence[AssetModel], golden: Path, folder: Path) -> None:
    """Copy golden vectors that are still valid, under a new index.

    Args:
        models: From `read_models`.
        golden: Contains the valid ones, see `golden_problems`.
        folder: Where they go; created.
    """
    index = golden_index(models, read_arrays(golden))
    folder.mkdir()
    for name in listed_files(index):
        shutil.copyfile(golden / name, folder / name)
    _write_index(index, folder)


def read_arrays(golden: Path) -> dict[str, Any]:
    """Return what the stored index has under `arrays`: face -> cut point -> file, dtype, shape."""
    index = json.loads((golden / INDEX).read_text(encoding="utf-8"))
    return {case["name"]: case["arrays"] for case in index["cases"]}


def listed_files(index: Mapping[str, Any]) -> list[str]:
    """Return the names of all files of the golden vectors but the index itself."""
    arrays = (row["file"] for case in index["cases"] for row in case["arrays"].values())
    return [OVERVIEW, *(case["picture"] for case in index["cases"]), *arrays]


def computed(pixels: Image, points: Points, runs: Mapping[str, AUInterpreter]) -> Arrays:
    """Return the array of each cut point, each computed from those before it.

    Args:
        pixels: (H, W, 3) uint8 picture.
        points: (68, 2) float64 landmarks in it.
        runs: Variant -> the loaded model.
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
        ValueError: If the file's size is not that of dtype and shape.
        OSError: If it can't be read.
    """
    values = np.frombuffer(path.read_bytes(), _DTYPES[dtype])
    return values.reshape(tuple(shape))


def require_stable(
    model: Path,
    tolerances: Mapping[str, Tolerance],
    images: Mapping[str, npt.NDArray[np.float32]],
) -> None:
    """Raise AssetError if tiny noise moves an output of a model by half its tolerance.

    Another CPU adds up in another order, which acts like noise in the image's last digits. Near a
    tie among neighbors, a correct implementation could then exceed the tolerance.

    Args:
        model: The .tflite file.
        tolerances: Output name -> tolerance.
        images: Face name -> (1, S, S, 3) input.
    """
    run = Interpreter(model_path=str(model)).get_signature_runner(contract.SIGNATURE)

    def predict(image: npt.NDArray[np.float32]) -> Arrays:
        predicted = run(**{contract.INPUT: image})
        return {name: np.array(predicted[name]) for name in tolerances}

    rng = np.random.default_rng(0)
    for face, image in images.items():
        plain = predict(image)
        for _ in range(_DRAWS):
            noisy = (image + rng.normal(0, _NOISE, image.shape)).astype(np.float32)
            for name, values in predict(noisy).items():
                limit = _SHARE * tolerances[name]["tolerance"]
                difference = float(np.abs(values - plain[name]).max())
                if not difference <= limit:  # NaN too
                    raise AssetError(
                        f"{model.name}, face {face}: noise of {_NOISE:g} gray levels may move "
                        f"{name} by {limit:g}. Received: {difference:.3g}. Neighbors nearly tie "
                        "there: give the face another seed in export/bundle/golden/faces.py."
                    )


def _write_index(index: Mapping[str, Any], folder: Path) -> None:
    (folder / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def _write_face(face: GoldenFace, pixels: Image, arrays: Arrays, folder: Path) -> dict[str, Any]:
    """Write a face's picture and arrays; return its `arrays` entry of the index."""
    PillowImage.fromarray(pixels).save(folder / f"{face.name}.png", "PNG", optimize=True)
    entry = {}
    for cut_point, values in arrays.items():
        file = f"{face.name}.{cut_point}.bin"
        dtype = values.dtype.name
        (folder / file).write_bytes(np.ascontiguousarray(values, _DTYPES[dtype]).tobytes())
        entry[cut_point] = {"file": file, "dtype": dtype, "shape": list(values.shape)}
    return entry


def _variant(model: AssetModel) -> dict[str, Any]:
    entry: dict[str, Any] = {"file": model.path.name, "accelerators": model.accelerators}
    for accelerator, key in (("cpu", "cut_points"), ("gpu", "gpu_cut_points")):
        if accelerator in model.accelerators:
            entry[key] = outputs(model.entries["weights"], accelerator)
    return entry
