"""Coded and predicted intensities of some subjects, for the metrics."""

import numpy as np

LABELS = ["AU01", "AU06", "AU12"]


def study(subjects=8, frames=40, seed=0, missing=0.2):
    """Frames of unequal, interleaved subjects; each subject has a bias."""
    rng = np.random.default_rng(seed)
    subject = rng.permutation(np.repeat(np.arange(subjects), rng.integers(2, frames, subjects)))
    y = rng.integers(0, 6, (len(subject), len(LABELS))).astype(float)
    bias = rng.normal(0, 0.5, (subjects, len(LABELS)))
    p = 0.7 * y + bias[subject] + rng.normal(0, 0.8, y.shape)
    for table in (y, p):
        table[rng.random(y.shape) < missing] = np.nan
    return y, p, [f"SN{s:03d}" for s in subject]
