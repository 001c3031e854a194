"""AUs edited into aligned portraits."""
