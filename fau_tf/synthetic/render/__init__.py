"""Renderers from a scene to a picture."""
