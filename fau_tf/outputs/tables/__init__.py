"""Rows of faces and AU events as CSV, JSON lines, ELAN text and data frames."""
