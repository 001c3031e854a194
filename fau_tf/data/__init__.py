"""Data sets: settings, adapters, face records, splits and the tf.data pipeline."""
