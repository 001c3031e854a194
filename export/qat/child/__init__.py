"""The part that runs with Keras 2 and the toolkit; only its own modules import it."""
