"""datatrove, in an environment of its own."""
