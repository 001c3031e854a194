"""Quantization-aware training with tensorflow-model-optimization, in a process of its own."""
