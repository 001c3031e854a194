"""Image -> AU intensities with a .tflite model; no TensorFlow."""
