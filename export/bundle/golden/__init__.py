"""Golden vectors: every array between an image and the intensities."""
