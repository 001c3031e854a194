"""Real portraits as training data: AUs edited into photos of faces."""
