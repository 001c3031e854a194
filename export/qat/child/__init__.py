"""The side that runs in .venv-qat: Keras 2 and the toolkit. Nothing here is imported elsewhere."""
