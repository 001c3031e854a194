"""Face models: mesh, identity, action units, landmarks."""
