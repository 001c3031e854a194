"""ICT-FaceKit, converted from a download of the user."""
