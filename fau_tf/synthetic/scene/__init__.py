"""The content of a picture: person, expression, light, background, camera, occluders."""
