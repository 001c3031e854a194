"""Agreement between coded and predicted AU intensity, and its confidence intervals."""
