"""Edits of a .tflite flatbuffer: activations, weights, metadata."""
