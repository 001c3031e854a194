"""Data sets as distributed -> clips of labelled frames, before a picture is read."""
