"""What an app gets: models, their contract, golden vectors, and a manifest that vouches for all."""
