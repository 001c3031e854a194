"""Release-time tools: Keras -> verified .tflite. A folder of the checkout, never installed."""
