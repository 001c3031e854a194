"""AUs edited into photos, with fields of their own, and how the intensities follow."""
