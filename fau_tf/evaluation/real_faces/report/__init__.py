"""The page docs/experiments/real_faces.md and its picture, from `evaluate.evaluate_folder`."""
