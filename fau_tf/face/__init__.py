"""Image -> 68 landmarks -> aligned crop -> AU centers; no TensorFlow."""
