"""What lowers the quality score of a face, and how far the AUs are off there."""
