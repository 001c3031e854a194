"""Evaluation on real faces, which have no FACS codes here: what must hold without them."""
