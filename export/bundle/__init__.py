"""The asset folder of an app: models, metadata, documents, golden vectors and a manifest."""
