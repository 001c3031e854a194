"""The part that runs in .venv-qat, with Keras 2 and the toolkit; only its own modules import it."""
