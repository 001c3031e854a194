"""UV textures: skin, hair, eyes, wrinkles."""
