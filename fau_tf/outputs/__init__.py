"""Results as CSV, JSON lines, annotated images, video and plots."""
