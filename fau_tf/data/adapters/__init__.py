"""Data sets as distributed: readers, preparation into face records, and validation."""
