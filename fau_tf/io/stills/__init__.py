"""Still pictures: formats, bit depth, colors."""
