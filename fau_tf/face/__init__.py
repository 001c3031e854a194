"""Image -> 68 landmarks -> aligned crop -> AU centres; no TensorFlow."""
