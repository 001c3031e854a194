"""Figures beside each other: of folds, seeds, networks and runs, and as tables for a paper."""
