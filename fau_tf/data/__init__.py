"""Disk -> FaceRecord -> tf.data."""
