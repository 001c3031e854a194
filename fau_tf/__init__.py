"""Facial action unit (AU) intensity: train, export, run on device.

from fau_tf import AUEstimator
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fau_tf.inference.estimator import AUEstimator, FaceResult
    from fau_tf.inference.model_info import load_model_info
    from fau_tf.io.frames import UnreadableError
    from fau_tf.io.images import read_image
    from fau_tf.outputs.tables.data_frame import to_dataframe

__all__ = [
    "AUEstimator", "FaceResult", "UnreadableError", "__version__", "load_model_info", "read_image",
    "to_dataframe",
]  # fmt: skip
__version__ = "0.3.0"

_MODULES = {
    "AUEstimator": "fau_tf.inference.estimator",
    "FaceResult": "fau_tf.inference.estimator",
    "UnreadableError": "fau_tf.io.frames",
    "load_model_info": "fau_tf.inference.model_info",
    "read_image": "fau_tf.io.images",
    "to_dataframe": "fau_tf.outputs.tables.data_frame",
}


def __getattr__(name: str) -> Any:
    # Imported on first use: training on synthetic faces imports this package on machines without
    # the libraries of the demo.
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
