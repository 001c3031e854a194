"""Face detection, the aligned crop, AU centers and head pose; no TensorFlow."""
