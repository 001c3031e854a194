"""Evaluation on real faces, which have no FACS codes here: what can be checked without them."""
