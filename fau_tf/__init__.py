"""Facial action unit (AU) intensity: train, export, run on device.

from fau_tf import AUEstimator
"""

import importlib
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Only when asked for: training on synthetic faces imports this package on machines without the
    # libraries of the demo.
    if name == "AUEstimator":
        return importlib.import_module("fau_tf.inference.estimator").AUEstimator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
