"""Optional extra: prediction and data preparation as Ray Data jobs on many machines."""
