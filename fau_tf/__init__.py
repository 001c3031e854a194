"""Facial action unit (AU) intensity: train, export, run on device."""

__version__ = "0.1.0"  # Nothing else here: the demo imports this package without TensorFlow.
