"""Photo -> AU intensities by the TFLite interpreter: what the demo needs, no TensorFlow."""
