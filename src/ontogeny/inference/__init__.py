"""A model in use: sampling, generation with a cache, scoring of given text, loading from a folder."""
