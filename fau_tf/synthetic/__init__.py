"""Synthetic faces with known AU intensities: face models, scenes, textures, two renderers."""
