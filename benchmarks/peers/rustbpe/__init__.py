"""rustbpe, nanochat's trainer; it encodes with what it has trained."""
