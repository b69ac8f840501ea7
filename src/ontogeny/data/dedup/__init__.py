"""Finding documents that are there twice."""
