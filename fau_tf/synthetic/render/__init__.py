"""Renderers: scene -> image."""
