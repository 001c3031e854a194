"""Faces that nobody owns: a rig with action units, its appearance and a NumPy renderer."""
