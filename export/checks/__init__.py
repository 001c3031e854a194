"""Checks of a .tflite file: contract, operators, weights, accelerators."""
