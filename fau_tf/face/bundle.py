"""The Face Landmarker bundle: three TFLite networks in one zip file, checked by its hash."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fau_tf.utils import optional_imports

BUNDLE_NAME: Final = "face_landmarker.task"
BUNDLE_SHA256: Final = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
DETECTOR: Final = "face_detector.tflite"
LANDMARKS: Final = "face_landmarks_detector.tflite"
BLENDSHAPES: Final = "face_blendshapes.tflite"


def default_bundle() -> Path:
    """Return the path of the bundle, in the installed package or in the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "assets" / BUNDLE_NAME
    return installed if installed.exists() else package.parent / "android_demo_assets" / BUNDLE_NAME


def read_bundle(path: Path | None = None) -> bytes:
    """Return the bytes of the Face Landmarker bundle, after checking its hash.

    Args:
        path: By default the one in this package.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If its SHA-256 differs.
    """
    path = path or default_bundle()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileNotFoundError(
            f"{path}: cannot read the Face Landmarker bundle: {error.strerror}. Restore it from "
            "the repository, or reinstall fau_tf."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != BUNDLE_SHA256:
        raise ValueError(
            f"{path}: the Face Landmarker bundle ({len(content)} bytes) has SHA-256 {found} "
            f"instead of {BUNDLE_SHA256}. Restore it from the repository, or reinstall fau_tf."
        )
    return content


def network_file(bundle: bytes, name: str) -> bytes:
    """Return one .tflite file of the bundle: DETECTOR, LANDMARKS or BLENDSHAPES."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return archive.read(name)


class Network:
    """One network of the bundle on LiteRT, on one CPU thread; not for two threads at once."""

    def __init__(self, bundle: bytes, name: str) -> None:
        """Load a network.

        Args:
            bundle: From `read_bundle`.
            name: DETECTOR, LANDMARKS or BLENDSHAPES.

        Raises:
            MissingLibraryError: If LiteRT cannot be imported.
        """
        content = network_file(bundle, name)
        litert = optional_imports.litert()
        self._interpreter: Any = litert.Interpreter(model_content=content, num_threads=1)
        self._interpreter.allocate_tensors()
        (self._input,) = (row["index"] for row in self._interpreter.get_input_details())
        self._outputs = {
            row["name"]: row["index"] for row in self._interpreter.get_output_details()
        }

    def __call__(self, values: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        """Return a copy of each output, by its name in the file.

        Args:
            values: In the shape of the network's only input.
        """
        self._interpreter.set_tensor(self._input, values)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(i) for name, i in self._outputs.items()}
