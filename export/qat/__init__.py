"""Quantization-aware training with tensorflow-model-optimization, in an environment of its own."""
