"""Aligned crop -> AU intensities and heatmaps, by the LiteRT interpreter."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fau_tf import contract
from fau_tf.face.align import Image
from fau_tf.inference.model_info import ModelError, read_model
from fau_tf.utils.native_lock import NativeLock
from fau_tf.utils.optional_imports import litert


class AUInterpreter:
    """Runs an exported model on aligned crops, on the CPU; threads take turns.

    Attributes:
        info: What the JSON file beside the model says.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load a model and the JSON file beside it.

        Args:
            path: The .tflite file.
            threads: CPU threads, 1 or more.

        Raises:
            MissingLibraryError: If LiteRT is not installed.
            ModelError: If the model can't be read, is corrupt, or breaks the contract.
        """
        if threads < 1:
            raise ValueError(f"The number of threads must be 1 or more. Received: {threads}")
        library = litert()
        flatbuffer, self.info = read_model(path)
        try:
            interpreter: Any = library.Interpreter(model_content=flatbuffer, num_threads=threads)
            self._runner: Any = interpreter.get_signature_runner(contract.SIGNATURE)
        except (ValueError, RuntimeError) as error:
            cause = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelError(
                f"{path}: must be a TFLite model with the signature {contract.SIGNATURE!r}. "
                f"Received: {cause}. Export the model again."
            ) from error
        self._check_tensors(path)
        self._lock = NativeLock("AUInterpreter")
        # The first call allocates memory: do it here rather than in the first frame.
        self(np.zeros((self.info.image_size, self.info.image_size, 3), np.uint8))

    def __call__(self, crop: Image) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return intensity (A,) and heatmaps (h, w, K), both in 0 to 5.

        Args:
            crop: (S, S, 3) RGB uint8 from `align.crop` or `align_cv2.fast_crop`.

        Raises:
            ValueError: If the crop has another shape or dtype.
            ModelError: If an output is not finite.
            RuntimeError: After `close`, or in a forked process.
        """
        size = self.info.image_size
        crop = np.asarray(crop)
        if crop.shape != (size, size, 3) or crop.dtype != np.uint8:
            raise ValueError(
                f"{self.info.name}: the crop must be ({size}, {size}, 3) RGB uint8. Received: "
                f"{crop.shape} {crop.dtype}. Cut it with fau_tf.face.align.crop."
            )
        with self._lock:
            outputs = self._runner(**{contract.INPUT: crop[None].astype(np.float32)})
        intensity = outputs[contract.OUTPUT_INTENSITY][0]  # (A,)
        heatmaps = outputs[contract.OUTPUT_HEATMAPS][0]  # (h, w, K)
        if not (np.isfinite(intensity).all() and np.isfinite(heatmaps).all()):
            raise ModelError(
                f"{self.info.name}: intensities and heatmaps must be finite. Received: NaN or "
                "infinity. Verify the exported model on this machine."
            )
        return intensity, heatmaps

    def close(self) -> None:
        """Free the model; later calls raise RuntimeError."""
        if self._lock.close():
            del self._runner

    def _check_tensors(self, path: Path) -> None:
        info, h = self.info, self.info.heatmap_size
        wanted = {
            contract.INPUT: (1, info.image_size, info.image_size, 3),
            contract.OUTPUT_INTENSITY: (1, len(info.aus)),
            contract.OUTPUT_HEATMAPS: (1, h, h, len(info.centers)),
        }
        details = self._runner.get_input_details() | self._runner.get_output_details()
        found = {
            name: (*(int(side) for side in row["shape"]), np.dtype(row["dtype"]).name)
            for name, row in details.items()
        }
        expected = {name: (*shape, "float32") for name, shape in wanted.items()}
        if found != expected:
            raise ModelError(
                f"{path}: tensors must be {expected}. Received: {found}. Export the model again."
            )
