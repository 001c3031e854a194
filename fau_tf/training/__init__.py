"""Config, loss, fit and report of a training run."""
