"""The path-traced renderer, on Mitsuba 3."""
