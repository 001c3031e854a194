"""What is rendered: person, expression, light, background, camera."""
