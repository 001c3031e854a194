"""Data sets as distributed -> clips of labeled frames, before a picture is read."""
