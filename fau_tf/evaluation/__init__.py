"""Evaluation of trained models: metrics, figures, baselines, reports."""
